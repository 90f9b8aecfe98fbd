"""Nearest neighbours in a store of records: no network answers.

A record's place is what `places` gives. With n_c of the k nearest stored records in class c of C, its
logits are log((n_c + 1/C) / (k + 1)); a number is the mean of the neighbours' numbers.
Artefacts: `store_points` (m, d) float32, `store_y` (m,), `store_k` (1,).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from disgorge_core.models.prediction import places
from disgorge_core.registry import RULES
from disgorge_core.types import Array, Model

CELLS = 2**24  # distances that are held at once


@RULES.register
class Datastore:
    """The votes of the nearest stored records."""

    name = "datastore"
    says = "the votes of the nearest records in its store"
    behind = ""

    @staticmethod
    def logits(model: Model, x: Any) -> Array:
        """Logits (n, classes), or numbers (n, 1)."""
        y = model.artefacts["store_y"][nearest(model, x)]
        if model.task == "regression":
            return np.asarray(y.mean(1, keepdims=True))
        count = len(model.classes)
        votes = (y[:, :, None] == np.arange(count)).sum(1)
        return np.asarray(np.log((votes + 1 / count) / (y.shape[1] + 1)))


def nearest(model: Model, x: Any) -> Array:
    """Places in the store (n, k) of the nearest records; of equals the one that stands first."""
    points = torch.from_numpy(np.asarray(model.artefacts["store_points"], dtype=np.float32))
    k = min(int(model.artefacts["store_k"][0]), len(points))
    step = max(1, CELLS // len(points))
    found = []
    for start in range(0, len(x), step):
        z = places(model.members[0], x[start : start + step])
        gaps = torch.cdist(z, points, compute_mode="donot_use_mm_for_euclid_dist")
        found.append(gaps.sort(dim=1, stable=True).indices[:, :k].numpy())
    return np.concatenate(found)
