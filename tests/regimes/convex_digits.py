"""Real digits 3 and 8: 280 training records, the rest for tests, as in research/unlearning.md §4.1."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from sklearn.datasets import load_digits

from disgorge_core.types import Dataset
from tests.training.small import dataset

TRAINED = 280


@cache
def three_or_eight(order: int = 0) -> Dataset:
    """Pictures in a random order; class 1 is the 8."""
    bunch = load_digits()
    rows = np.flatnonzero(np.isin(bunch.target, (3, 8)))
    rows = np.random.default_rng(order).permutation(rows)
    x = bunch.images[rows].astype(np.uint8)[..., None] * 15
    data = dataset(x, (bunch.target[rows] == 8).astype(np.int64), "image", classes=2)
    split = np.where(np.arange(len(rows)) < TRAINED, 0, 2).astype(np.int8)
    return replace(data, split=split, digest=f"3 or 8, order {order}")
