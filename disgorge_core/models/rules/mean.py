"""The mean of the networks' logits."""

from __future__ import annotations

from typing import Any

from disgorge_core.models.prediction import mean_logits
from disgorge_core.registry import RULES
from disgorge_core.types import Array, Model


@RULES.register
class Mean:
    """All networks count alike."""

    name = "mean"
    says = "the mean of its networks' logits"
    behind = "mean"

    @staticmethod
    def logits(model: Model, x: Any) -> Array:
        """Logits (n, classes)."""
        return mean_logits(model, x)
