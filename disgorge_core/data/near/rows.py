"""Rows of a table that are the same in all but a few columns.

Rows that differ in at most k columns agree on all the others: for each choice of k columns the rest is one
key (the sum of a random 64-bit number for each value), and rows that share a key are compared. No pair is
missed, however many rows there are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from math import comb

import numpy as np
import pandas as pd

from disgorge_core.data.near.search import Pairs, sharing, within
from disgorge_core.errors import BadParam
from disgorge_core.types import Array, Dataset, Report

MOST_KEYS = 5_000  # choices of columns that are tried


@dataclass(frozen=True, eq=False)
class Cells:
    """Codes (n, columns) of the values; the distance is the number of columns that differ."""

    codes: Array

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.codes)

    def block(self, rows: Array, start: int) -> Array:
        """Columns (m, n - start)."""
        return (self.codes[rows][:, None] != self.codes[None, start:]).sum(2)

    def of(self, pairs: Array) -> Array:
        """Columns (m,)."""
        return (self.codes[pairs[:, 0]] != self.codes[pairs[:, 1]]).sum(1)


def cells(x: pd.DataFrame) -> Cells:
    """The codes of a table; a missing value is a value like any other."""
    codes = [pd.factorize(x[name], use_na_sentinel=False)[0] for name in x.columns]
    return Cells(np.stack(codes, axis=1).astype(np.int32))


def same_but_for(data: Dataset, rows: Array, most: float, report: Report) -> Pairs:
    """Pairs of these rows that differ in at most `most` columns; raises BadParam where that is too much."""
    found, k = cells(data.take(rows)), int(most)
    columns = found.codes.shape[1]
    if k >= columns:
        raise BadParam(
            f"The table has {columns} columns.", f"Let rows differ in at most {columns - 1}."
        )
    if comb(columns, k) > MOST_KEYS:
        raise BadParam(
            f"{columns} columns are too many to compare rows that differ in {k} of them.",
            "Let rows differ in fewer columns.",
        )
    return within(
        found, sharing(found.n, lambda p: found.of(p) <= k, _without(found.codes, k), 0, report), k
    )


def _without(codes: Array, k: int) -> list[Callable[[], Array]]:
    """For each choice of k columns a key (n,) of all the others."""
    drawn = np.random.default_rng(0)
    mixed = np.stack([_mixed(column, drawn) for column in codes.T])
    return [partial(_rest, mixed, list(c)) for c in combinations(range(len(mixed)), k)]


def _rest(mixed: Array, left_out: list[int]) -> Array:
    return mixed.sum(0, dtype=np.uint64) - mixed[left_out].sum(0, dtype=np.uint64)


def _mixed(codes: Array, drawn: np.random.Generator) -> Array:
    """A random 64-bit number (n,) for each code of a column."""
    return drawn.integers(0, 2**64, int(codes.max(initial=0)) + 1, dtype=np.uint64)[codes]
