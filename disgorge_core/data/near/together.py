"""The same records with their near-duplicate clusters as a column, and a split that tears none apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from disgorge_core.data.address import addressed
from disgorge_core.data.near.result import NearDuplicates
from disgorge_core.data.splits import made
from disgorge_core.types import Dataset

COLUMN = "near-duplicates"


def kept_together(data: Dataset, found: NearDuplicates, seed: int = 0) -> Dataset:
    """A new dataset: `roles.near` names the clusters, and 70/10/20 % are drawn with each in one split."""
    name = COLUMN
    while name in data.meta.columns:
        name += "'"
    classes = data.task == "classification"
    strata = data.y if classes else np.zeros(len(data), dtype=np.int64)
    split = made(data.ids, strata, found.clusters, seed)
    note = (
        f"The split was drawn anew (seed {seed}) so that near-duplicates ({found.kind}, distance at most "
        f"{found.threshold:g}) stay together."
    )
    return addressed(
        replace(
            data, meta=data.meta.assign(**{name: found.clusters}), split=split,
            roles=replace(data.roles, near=name), notes=(*data.notes, note),
        )
    )  # fmt: skip


def torn(found: NearDuplicates, split: np.ndarray) -> np.ndarray:
    """Bool (n,): records with a near-duplicate in another split (codes (n,))."""
    low = np.full(int(found.clusters.max(initial=-1)) + 1, 127, dtype=np.int8)
    high = np.full_like(low, -1)
    np.minimum.at(low, found.clusters, split)
    np.maximum.at(high, found.clusters, split)
    return (low != high)[found.clusters]
