"""How good a model is on each split."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from disgorge_core import metrics
from disgorge_core.types import SPLITS, Array, Dataset, Model


def split_quality(model: Model, z: Array, data: Dataset) -> dict[str, dict[str, float]]:
    """Accuracy, or error for regression, by split; in training only records that the model saw."""
    found = {}
    for split in SPLITS:
        rows = data.rows(split)
        if split == "train" and model.seen is not None:
            rows = rows[np.isin(data.ids[rows].astype(str), np.array(model.seen, dtype=str))]
        if len(rows):
            found[split] = asdict(metrics.quality(z[rows], data.y[rows], data.task))
    return found
