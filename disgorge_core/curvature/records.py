"""The one network of a model with raw records, cut into batches that fit in memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from disgorge_core.curvature.losses import Loss, loss_of
from disgorge_core.curvature.sites import Site, frozen_copy, sites_of
from disgorge_core.errors import NotApplicable
from disgorge_core.models.layers import WordMean, head_of
from disgorge_core.models.prediction import inputs
from disgorge_core.types import Array, Member, Model

NUMBERS = 2**24  # captured numbers in one batch (64 MB in float32)


@dataclass(frozen=True, eq=False)
class Single:
    """A private, frozen copy of a model's one network, ready for captures."""

    network: nn.Module
    member: Member
    loss: Loss
    sites: tuple[Site, ...]

    def batches(self, x: Any, y: Array, size: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Network inputs and targets of raw records, batch after batch in their order."""
        size = size or self.batch_size(x)
        like = next(self.network.parameters())
        for start in range(0, len(y), size):
            part = slice(start, start + size)
            yield inputs(self.member, x[part]), self.loss.targets(y[part], like)

    def batch_size(self, x: Any) -> int:
        """Records in one batch, so that what is captured stays small."""
        found = [0]
        hooks = [site.module.register_forward_hook(_count(found)) for site in self.sites]
        with torch.no_grad():
            self.network(inputs(self.member, x[:1]))
        for hook in hooks:
            hook.remove()
        return int(np.clip(NUMBERS // max(found[0], 1), 1, 512))


def _count(found: list[int]) -> Any:
    def hook(module: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
        patch = math.prod(module.kernel_size) if isinstance(module, nn.Conv2d) else 1
        found[0] += given[0].numel() * patch + output.numel() + _built(module, given[0])

    return hook


def _built(module: nn.Module, given: Tensor) -> int:
    """Numbers that a record's gradient in a layer takes besides its factors."""
    if isinstance(module, WordMean):  # vectors of its words, and shares of all words
        return given.numel() * module.embedding_dim + module.num_embeddings
    return 0 if isinstance(module, nn.Linear) else sum(p.numel() for p in module.parameters())


def single(model: Model, part: str = "all") -> Single:
    """The model's network; `part` "head" keeps only the last linear layer among the sites.

    Raises NotApplicable for a model of several networks.
    """
    if len(model.members) != 1:
        raise NotApplicable(
            f"This model is an average of {len(model.members)} networks, and curvature is that of one.",
            "Choose a model trained in the plain regime.",
        )
    network = frozen_copy(model.network)
    if part == "head":
        return Single(network, model.members[0], loss_of(model), (_head(network),))
    return Single(network, model.members[0], loss_of(model), tuple(sites_of(network)))


def _head(network: nn.Module) -> Site:
    head = head_of(network)
    return next(Site(name, module) for name, module in network.named_modules() if module is head)


def trained_part(model: Model) -> str:
    """Which weights the recipe trains: "all" or "head"."""
    return model.recipe.trainable if model.recipe is not None else "all"
