"""An output guard: equal logits (an answer withheld) within the guard's radius of a guard point.

Artefacts: `guard_points` (m, d) float32, `places` of records, and `guard_radius` (m,).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from disgorge_core.models.prediction import batches, mean_logits, places
from disgorge_core.registry import RULES
from disgorge_core.types import Array, Model


@RULES.register
class Guard:
    """Mean logits, but no answer near the guard's points."""

    name = "guard"
    says = "an output guard over the logits"
    behind = "mean"

    @staticmethod
    def logits(model: Model, x: Any) -> Array:
        """Logits (n, classes); 0 for all classes where the answer is withheld."""
        z = mean_logits(model, x)
        z[Guard.withheld(model, x)] = 0.0
        return z

    @staticmethod
    def withheld(model: Model, x: Any) -> Array:
        """Bool (n,): which answers are withheld."""
        points = torch.from_numpy(np.asarray(model.artefacts["guard_points"], dtype=np.float32))
        radius = torch.from_numpy(np.asarray(model.artefacts["guard_radius"], dtype=np.float32))
        parts = [_near(places(model.members[0], part), points, radius) for part in batches(x)]
        return np.concatenate(parts)


def _near(z: torch.Tensor, points: torch.Tensor, radius: torch.Tensor) -> Array:
    exact = "donot_use_mm_for_euclid_dist"  # so that a record's distance to itself is 0
    return (torch.cdist(z, points, compute_mode=exact) <= radius).any(1).numpy()
