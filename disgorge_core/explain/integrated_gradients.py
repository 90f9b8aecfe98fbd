"""Integrated gradients, by captum: how much each input adds on the way from the mean record to this one.

Sundararajan et al. 2017 (arXiv 1703.01365, eq. 1): (x - x₀) ∫ ∂f(x₀ + α (x - x₀)) dα. The values of a record
add up to f(x) - f(x₀). For texts x are the vectors of the words, and x₀ is a text without any.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from disgorge_core.explain.contract import LogOdds, OfVectors, explained, per_raw
from disgorge_core.explain.through import AT_ONCE, Through, ThroughPieces
from disgorge_core.params import param
from disgorge_core.registry import VIEWS
from disgorge_core.types import Array, Member, Model

BATCH = 512


@VIEWS.register
@dataclass(frozen=True)
class IntegratedGradients:
    """Contributions that add up to the log-odds."""

    name = "integrated_gradients"
    title = "Integrated gradients"
    reading = (
        "Positive parts speak for the class and negative ones against it, compared with the mean "
        "record (a text: without words); they add up to the difference in log-odds."
    )
    order = 10

    steps: int = param(64, help="Points on the way from the mean record", min=8, max=1000)

    def attribute(self, model: Model, x_raw: Any, target: Array, *, seed: int = 0) -> Array:
        """Contributions (m, h, w), (m, columns) or (m, words), in nats of log-odds; no seed plays a part."""
        return explained(model, x_raw, target, self._of_network)

    def _of_network(self, network: LogOdds, z: Tensor, member: Member) -> Tensor:
        way = network.network
        if isinstance(way, ThroughPieces):
            return way.per_word(self._integrated(network, z).sum(2))
        if member.preprocessing.kind != "text":
            return per_raw(self._integrated(network, z), member)
        inner = OfVectors(network.network)
        vectors = inner.vectors(z)
        return self._integrated(LogOdds(inner, network.target), vectors, z).sum(2)

    def _integrated(self, network: nn.Module, x: Tensor, *beside: Tensor) -> Tensor:
        from captum.attr import IntegratedGradients as Captum

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # captum's remarks on its own inputs
            values: Tensor = Captum(network).attribute(
                x,
                n_steps=self.steps,
                internal_batch_size=max(_at_once(network), len(x)),
                additional_forward_args=beside or None,
            )
        return values


def _at_once(network: nn.Module) -> int:
    """Records that pass together: few through a backbone, which takes much memory."""
    return AT_ONCE if isinstance(getattr(network, "network", None), Through) else BATCH
