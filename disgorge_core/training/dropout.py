"""Dropout keyed by record: the mask of a unit depends on seed, epoch, record and layer, not on a batch.

So a record keeps its masks when other records leave, and one mask serves single and stacked training.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from disgorge_core.training.order import DROPOUT, mix, salt, uniform
from disgorge_core.types import Array


def seeds_of(seed: int, epoch: int) -> np.uint64:
    """What the masks of one epoch start from."""
    return salt(seed, epoch, DROPOUT)


def mask(keys: Array, salts: Any, layer: int, units: int, p: float) -> Array:
    """Factors (..., units) float64, 0 with probability p and else 1 / (1 - p), for keys (...)."""
    base = mix(mix(keys ^ salts) ^ salt(layer))
    return (uniform(base, units) >= p) / (1 - p) if p < 1 else np.zeros((*keys.shape, units))


class KeyedDropout:
    """Stands in for the `nn.Dropout` layers of a network while it is trained."""

    def __init__(self) -> None:
        self.keys = np.zeros(0, dtype=np.uint64)
        self.salt = np.uint64(0)

    def at(self, keys: Array, seed: int, epoch: int) -> None:
        """Say which records the next forward pass takes."""
        self.keys, self.salt = keys, seeds_of(seed, epoch)

    @contextmanager
    def inside(self, network: nn.Module) -> Iterator[None]:
        """Mask the outputs of all dropout layers, which do nothing themselves meanwhile."""
        layers = [m for m in network.modules() if isinstance(m, nn.Dropout)]
        handles = [m.register_forward_hook(self._hook(i, m.p)) for i, m in enumerate(layers)]
        for layer in layers:
            layer.eval()
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _hook(self, layer: int, p: float) -> Any:
        def hook(_: nn.Module, __: Any, output: Tensor) -> Tensor:
            factors = mask(self.keys, self.salt, layer, output[0].numel(), p)
            return output * torch.from_numpy(factors).to(output.dtype).view_as(output)

        return hook
