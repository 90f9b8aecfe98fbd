"""Pairs of records within a distance: all of them in blocks, or those that share a key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from disgorge_core.errors import BadParam
from disgorge_core.types import Array, Progress, Report

EXACT = 60_000  # records up to which every pair is compared
MOST_PAIRS = 3_000_000
SAMPLE = 300  # records compared with all others to measure an approximate search
CELLS = 2**24  # distances in memory at once
Near = Callable[[Array], Array]  # pairs (m, 2) to bool (m,)
EVERY_PAIR = "Exact: no pair within the distance is missing."


@dataclass(frozen=True, eq=False)
class Pairs:
    """Rows (m, 2) with the smaller first, their distances (m,), and how sure it is that none is missing."""

    rows: Array
    distance: Array
    note: str = EVERY_PAIR


class Measure(Protocol):
    """A distance between records."""

    @property
    def n(self) -> int:
        """How many records there are."""
        ...

    def block(self, rows: Array, start: int) -> Array:
        """Distances (m, n - start) of these rows to all from `start` on; rounding errors are allowed."""
        ...

    def of(self, pairs: Array) -> Array:
        """Distances (m,) of pairs (m, 2)."""
        ...


def within(measure: Measure, pairs: Array, most: float, note: str = EVERY_PAIR) -> Pairs:
    """Those of the pairs (m, 2) whose distance is at most `most`, each once, in order."""
    pairs = _once(pairs, measure.n)
    distance = measure.of(pairs)
    near = distance <= most
    return Pairs(pairs[near], distance[near].astype(np.float64), note)


def _once(pairs: Array, n: int) -> Array:
    """Each pair of rows below n once, the smaller row first; none of a row with itself."""
    pairs = np.sort(pairs[pairs[:, 0] != pairs[:, 1]].astype(np.int64), axis=1)
    codes = np.unique(pairs[:, 0] * max(n, 1) + pairs[:, 1])
    return np.stack([codes // max(n, 1), codes % max(n, 1)], axis=1)


def all_pairs(measure: Measure, most: float, slack: float, report: Report) -> Pairs:
    """Every pair within `most`; `slack` is what the rounding of `block` may add."""
    found, size = [_none()], max(1, CELLS // max(measure.n, 1))
    for start in range(0, measure.n, size):
        report(Progress(start / measure.n, "Comparing records"))
        rows = np.arange(start, min(start + size, measure.n))
        left, right = np.nonzero(measure.block(rows, start) <= most + slack)
        later = left < right
        found.append(np.stack([rows[left[later]], right[later] + start], axis=1))
        _check_count(found)
    return within(measure, np.concatenate(found), most)


def sharing(
    n: int, near: Near, keys: Sequence[Callable[[], Array]], reach: int, report: Report
) -> Array:
    """Pairs (m, 2) of n records that are near and have one of the `keys` in common, each of which gives (n,).

    With `reach` a record is compared with at most so many others of its key, with 0 with all.
    """
    found = [_none()]
    for number, key in enumerate(keys):
        report(Progress(number / len(keys), "Comparing records"))
        found.append(_of_key(key(), near, reach))
        if sum(map(len, found)) > MOST_PAIRS:  # many keys find the same pairs
            found = [_once(np.concatenate(found), n)]
            _check_count(found)
    return np.concatenate(found)


def _of_key(key: Array, near: Near, reach: int) -> Array:
    order = np.argsort(key, kind="stable")
    alike, found = key[order], [_none()]
    step, left = 1, np.arange(len(key))
    while len(left) and (step <= reach or not reach):
        left = left[left + step < len(key)]
        left = left[alike[left] == alike[left + step]]
        pairs = np.stack([order[left], order[left + step]], axis=1)
        found.append(pairs[near(pairs)])
        _check_count(found)
        step += 1
    return np.concatenate(found)


def recall(measure: Measure, most: float, found: Pairs) -> str:
    """How many of the pairs of a sample of records were found, in words: those are compared with all."""
    sample = np.random.default_rng(0).choice(measure.n, min(SAMPLE, measure.n), replace=False)
    close = [np.flatnonzero(measure.block(row[None], 0)[0] <= most) for row in sample]
    wanted = [np.stack([np.full(len(c), r), c], 1) for r, c in zip(sample, close, strict=True)]
    truth = within(measure, np.concatenate(wanted), most).rows
    if not len(truth):
        return (
            f"Approximate: pairs can be missing. None of {len(sample):,} records that were compared with all "
            "others has a near-duplicate."
        )
    codes = np.array([measure.n, 1])
    share = np.isin(truth @ codes, found.rows @ codes).mean()
    return (
        f"Approximate: recall about {share:.0%} (of the {len(truth):,} pairs of {len(sample):,} records that "
        "were compared with all others)."
    )


def _none() -> Array:
    return np.zeros((0, 2), dtype=np.int64)


def _check_count(found: list[Array]) -> None:
    if sum(map(len, found)) > MOST_PAIRS:
        raise BadParam(
            f"More than {MOST_PAIRS:,} pairs of records are that close.",
            "Choose a smaller distance.",
        )
