"""What every attribution view offers, and the network that it looks through.

A view is a frozen dataclass with `@VIEWS.register` and class attributes `name`, `title`, `reading` (one
sentence on how to read it), `order`; its fields are settings made by `param(...)`. All views explain the same
number: the log-odds of the target class (the value itself in regression), against the mean training
record, which is 0 in a network's input, or against a text without words. Several networks are explained
one by one and averaged. A head behind a backbone is explained through the backbone.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from disgorge_core.errors import NotApplicable
from disgorge_core.explain.through import through
from disgorge_core.models.backbones.backbone import records_of
from disgorge_core.models.layers import WordMean
from disgorge_core.models.prediction import inputs
from disgorge_core.registry import RULES
from disgorge_core.types import Array, Member, Model, Preprocessing


class View(Protocol):
    """The shape of every registered view."""

    name: ClassVar[str]
    title: ClassVar[str]
    reading: ClassVar[str]
    order: ClassVar[int]

    def attribute(self, model: Model, x_raw: Any, target: Array, *, seed: int = 0) -> Array:
        """Attributions: (m, height, width) of pictures, (m, columns) of tables, (m, words read) of texts.

        target: class codes (m,).
        """
        ...


class LogOdds(nn.Module):
    """A network whose output (m,) is the log-odds of each record's target class, or its one value."""

    def __init__(self, network: nn.Module, target: Tensor) -> None:
        super().__init__()
        self.network = network
        self.target = target

    def forward(self, *z: Tensor) -> Tensor:
        """Log-odds of records z; records may come repeated, in blocks of equal length."""
        return self.of_logits(self.network(*z))

    def of_logits(self, logits: Tensor) -> Tensor:
        """Log-odds (m,) of answers (m, classes)."""
        if logits.shape[1] == 1:
            return logits[:, 0]
        target = self.target.repeat(len(logits) // len(self.target))
        own = nn.functional.one_hot(target, logits.shape[1]).bool()
        return logits[own] - logits.masked_fill(own, -torch.inf).logsumexp(1)


Explain = Callable[[LogOdds, Tensor, Member], Tensor]


def explained(model: Model, x_raw: Any, target: Array, explain: Explain) -> Array:
    """The mean over members of `explain(network, inputs, member)`, which is in network inputs."""
    if model.rule == "guard":
        raise NotApplicable(
            "Views explain a network, and an output guard stands before this one.",
            "Look at the model before the guard was set.",
        )
    if model.rule != "mean":
        raise NotApplicable(
            f"Views explain networks, and this model answers by {RULES[model.rule].says}.",
            "Look at a model trained in the plain regime.",
        )
    codes = torch.tensor(np.asarray(target), dtype=torch.int64)
    found = []
    for member in model.members:
        still = _still(member.network)
        if member.preprocessing.backbone:
            found.append(_one_by_one(still, member, x_raw, codes, explain))
            continue
        network = LogOdds(still, codes)
        found.append(explain(network, inputs(member, x_raw), member).detach().numpy())
    return np.mean(found, axis=0)


def _one_by_one(
    head: nn.Module, member: Member, x_raw: Any, codes: Tensor, explain: Explain
) -> Array:
    """Records differ in length behind a backbone of texts; shorter ones are filled up with 0."""
    parts = []
    for record, code in zip(records_of(x_raw), codes, strict=True):
        way, read = through(member, head, record)
        parts.append(explain(LogOdds(way, code[None]), way.start, read).detach().numpy()[0])
    longest = np.max([part.shape for part in parts], axis=0)
    return np.stack(
        [np.pad(p, [(0, m - s) for m, s in zip(longest, p.shape, strict=True)]) for p in parts]
    )


def _still(network: nn.Module) -> nn.Module:
    network = copy.deepcopy(network).eval().requires_grad_(False)
    for module in network.modules():
        if hasattr(module, "inplace"):
            module.__dict__["inplace"] = False
    return network


class OfVectors(nn.Module):
    """A network of word numbers that is given the words' vectors (m, words, d) besides."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        found = [m for m in network.modules() if isinstance(m, WordMean)]
        if len(found) != 1:
            raise NotApplicable(
                "This network of texts has no layer of word vectors to look through.",
                "Choose occlusion, which leaves words out.",
            )
        self.words = found[0]

    def vectors(self, numbers: Tensor) -> Tensor:
        """The vector of each word (m, words, d)."""
        return nn.functional.embedding(numbers, self.words.weight)

    def forward(self, vectors: Tensor, numbers: Tensor) -> Tensor:
        """What the network says if the words had these vectors."""
        hook = self.words.register_forward_hook(
            lambda *_: self.words.pooled(vectors, numbers)  # stands in for the layer's own output
        )
        try:
            return self.network(numbers)
        finally:
            hook.remove()


def per_raw(values: Tensor, member: Member) -> Tensor:
    """Values in network inputs summed to pixels (m, h, w) or original columns (m, columns)."""
    if member.preprocessing.kind == "image":
        return values.sum(1)
    columns = column_of(member.preprocessing)
    return values.new_zeros(len(values), len(member.preprocessing.columns)).index_add_(
        1, columns, values
    )


def column_of(p: Preprocessing) -> Tensor:
    """The original column of each network input."""
    widths = torch.tensor([column.width for column in p.columns])
    return torch.arange(len(widths)).repeat_interleave(widths)
