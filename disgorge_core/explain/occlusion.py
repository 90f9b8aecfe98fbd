"""Occlusion, by captum: what the answer loses when a part is replaced by its mean.

Zeiler and Fergus 2014 (arXiv 1311.2901, section 4.2): f(x) - f(x with one part at the mean). A part is a
square of a picture or a column of a table. A word of a text is left out.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from disgorge_core.explain.contract import LogOdds, column_of, explained
from disgorge_core.explain.through import ThroughPieces
from disgorge_core.params import param
from disgorge_core.registry import VIEWS
from disgorge_core.types import Array, Member, Model


@VIEWS.register
@dataclass(frozen=True)
class Occlusion:
    """The fall of the log-odds when a part is hidden."""

    name = "occlusion"
    title = "Occlusion"
    reading = (
        "How far the log-odds of the class fall when this part is hidden behind the mean record, or "
        "this one word left out."
    )
    order = 20

    patch: int = param(4, help="Side of the square that is hidden", unit="pixels", min=1, max=256)

    def attribute(self, model: Model, x_raw: Any, target: Array, *, seed: int = 0) -> Array:
        """Falls (m, h, w), the same for all pixels of a square, (m, columns) or (m, words), in nats."""
        return explained(model, x_raw, target, self._of_network)

    def _of_network(self, network: LogOdds, z: Tensor, member: Member) -> Tensor:
        kind = member.preprocessing.kind
        if isinstance(network.network, ThroughPieces):
            return _left_out(network, network.network, z)
        if kind == "text":
            return _words(network, z)
        parts = self._squares(z) if kind == "image" else column_of(member.preprocessing)
        values = _ablated(network, z, parts)
        if kind == "image":
            return values[:, 0]  # the same in all channels
        first = torch.unique_consecutive(parts, return_counts=True)[1].cumsum(0)
        return values[:, first - 1]  # the same in all inputs of a column

    def _squares(self, z: Tensor) -> Tensor:
        channels, height, width = z.shape[1:]
        rows, columns = torch.arange(height) // self.patch, torch.arange(width) // self.patch
        squares = rows[:, None] * (int(columns.max()) + 1) + columns
        return squares.expand(channels, -1, -1)


def _left_out(network: LogOdds, way: ThroughPieces, z: Tensor) -> Tensor:
    """What the answer loses without each word, whose pieces are taken out of the text."""
    with torch.no_grad():
        whole = network(z)
        count = int(way.word.max()) + 1
        rest = [network.of_logits(way.without(word)) for word in range(count)]
    return torch.stack([whole - one for one in rest], 1) if rest else whole.new_zeros(len(z), 1)


def _words(network: LogOdds, z: Tensor) -> Tensor:
    longest = max(1, int((z != 0).any(0).sum()))  # what follows holds no word
    found = network.target.new_zeros(z.shape, dtype=torch.float64)
    found[:, :longest] = _ablated(network, z[:, :longest], torch.arange(longest))
    return found


def _ablated(network: LogOdds, z: Tensor, parts: Tensor) -> Tensor:
    from captum.attr import FeatureAblation

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # captum's remarks on its own inputs
        values: Tensor = FeatureAblation(network).attribute(z, feature_mask=parts[None])
    return values
