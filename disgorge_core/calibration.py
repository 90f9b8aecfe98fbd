"""Calibration: does the model know how sure it may be?

Records are cut into `bins` groups of equal size by the model's confidence (the largest probability);
in each, the share of right answers stands beside the mean confidence. The expected calibration error is
Σ_b n_b / n · |accuracy_b - confidence_b| (Naeini et al. 2015, with equal-mass bins).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from disgorge_core.metrics import share
from disgorge_core.models.prediction import softmax
from disgorge_core.types import Array


def calibration(logits: Array, y: Array, bins: int = 10) -> pd.DataFrame:
    """One row a bin: confidence, accuracy, low, high, n; from logits (n, classes)."""
    p = softmax(logits)
    sure, right = p.max(1), p.argmax(1) == y
    order = np.argsort(sure, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    rows = [(float(sure[part].mean()), share(right[part])) for part in parts]
    return pd.DataFrame(
        [(c, e.value, e.low, e.high, e.n) for c, e in rows],
        columns=["confidence", "accuracy", "low", "high", "n"],
    )


def expected_error(table: pd.DataFrame) -> float:
    """Mean distance of accuracy from confidence over the bins of `calibration`, weighted by n."""
    gap = (table["accuracy"] - table["confidence"]).abs()
    return float((gap * table["n"]).sum() / table["n"].sum())
