"""Records whose vectors lie close: encoded rows of a table, or what a model sees (features).

Up to EXACT records all are compared. Above, the pairs are looked for among neighbours that are passed in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from disgorge_core.data.near.search import EXACT, Pairs, all_pairs, recall, within
from disgorge_core.data.preprocessing import columns_of, encode_table
from disgorge_core.errors import NotApplicable
from disgorge_core.types import Array, Report

ROUNDING = 1e-6  # of squared lengths, in single precision
NEIGHBOURS = 20  # of each record, above EXACT
Neighbours = Callable[[Array, int], tuple[Array, Array]]


@dataclass(frozen=True, eq=False)
class Vectors:
    """Vectors z (n, d) float32 around the origin; the distance is Euclid's."""

    z: Array

    @property
    def n(self) -> int:
        """Number of vectors."""
        return len(self.z)

    @cached_property
    def lengths(self) -> Array:
        """Squared lengths (n,)."""
        return (self.z**2).sum(1)

    def block(self, rows: Array, start: int) -> Array:
        """Distances (m, n - start), rounded by the cancellation of squares."""
        squared = (-2 * self.z[rows]) @ self.z[start:].T
        squared += self.lengths[rows][:, None]
        squared += self.lengths[start:]
        np.maximum(squared, 0, out=squared)
        return np.sqrt(squared, out=squared)

    def of(self, pairs: Array) -> Array:
        """Distances (m,), without cancellation."""
        parts = np.array_split(pairs, max(1, len(pairs) // 100_000))
        found = [np.linalg.norm(self.z[p[:, 0]] - self.z[p[:, 1]], axis=1) for p in parts]
        return np.concatenate(found)


def encoded(x: pd.DataFrame) -> Array:
    """Vectors (n, d): the distance is the root mean square over columns of how far values lie apart.

    Numbers lie apart in standard deviations of their column, two categories 1, and a missing value at
    least 1 from any other.
    """
    parts = [_column(x[name]) for name in x.columns]
    return np.concatenate(parts, axis=1) / np.sqrt(len(parts)).astype(np.float32)


def _column(values: pd.Series) -> Array:
    if not pd.api.types.is_numeric_dtype(values):
        whole = pd.DataFrame({"": values.astype("object").where(values.notna(), "\0missing")})
        return (encode_table(whole, columns_of(whole)) / np.sqrt(2)).astype(np.float32)
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    known = ~np.isnan(numbers)
    middle, spread = np.mean(numbers[known]), np.std(numbers[known])
    z = np.where(known, (numbers - middle) / (spread or 1.0), 0.0)
    return np.stack([z, ~known], axis=1).astype(np.float32)


def directions(features: Array) -> Array:
    """Vectors of length 1: their distance d means a cosine of 1 - d²/2."""
    z = np.asarray(features, dtype=np.float32)
    return z / np.maximum(np.linalg.norm(z, axis=1, keepdims=True), 1e-12)


def close(z: Array, most: float, neighbours: Neighbours | None, report: Report) -> Pairs:
    """Pairs of vectors (n, d) that lie at most `most` apart.

    `neighbours` gives, for vectors and k, rows (n, k) and distances (n, k) of the nearest; it is needed above
    EXACT vectors: NotApplicable without.
    """
    found = Vectors(z - z.mean(0))  # near the origin squares lose no digits
    if found.n <= EXACT:
        longest = float(found.lengths.max(initial=0.0))
        slack = float(np.sqrt(most**2 + ROUNDING * longest)) - most
        return all_pairs(found, most, slack, report)
    if neighbours is None:
        raise NotApplicable(
            f"{found.n:,} records are too many to compare each with all.",
            "Pass a function that gives neighbours.",
        )
    index, _ = neighbours(z, NEIGHBOURS)
    rows = np.repeat(np.arange(found.n), index.shape[1])
    pairs = within(found, np.stack([rows, index.ravel()], axis=1), most)
    return replace(pairs, note=recall(found, most, pairs))
