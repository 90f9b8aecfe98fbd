"""A mean of the networks' logits in which each counts by the records that it learnt from.

Where the networks see the same before their linear heads, the mean of the answers is the answer of the
heads' mean, so that a record passes these layers once.
Artefact: `member_weight` (members,), any positive scale.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from disgorge_core.models.prediction import member_logits
from disgorge_core.models.trunk import merged
from disgorge_core.registry import RULES
from disgorge_core.types import Array, Model


@RULES.register
class Weighted:
    """Networks of larger sources count for more."""

    name = "weighted"
    says = "the mean of its networks' logits, each counted by the records it learnt from"
    behind = "weighted"

    @staticmethod
    def logits(model: Model, x: Any) -> Array:
        """Logits (n, classes)."""
        weight = np.asarray(model.artefacts["member_weight"], dtype=np.float64)
        weight = weight / weight.sum()
        one = merged(model.members, weight)
        if one is not None:
            return member_logits(one, x)
        parts = [w * member_logits(m, x) for w, m in zip(weight, model.members, strict=True)]
        return np.sum(parts, axis=0)
