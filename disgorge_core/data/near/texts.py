"""Texts that share most of their word shingles (runs of three words), by the Jaccard distance.

Broder 1997 ("On the resemblance and containment of documents"). Up to EXACT texts by an inverted index over
the rarest shingles of each: two texts of sizes a and b with |A ∩ B| / |A ∪ B| >= s share at least
s max(a, b) shingles, so at least one of the first a - ⌈s a⌉ + 1 of A in any fixed order (Chaudhuri et al.
2006, prefix filter). Above by MinHash: bands of a signature whose entries agree with probability s.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd

from disgorge_core.data.near.search import EXACT, Pairs, recall, sharing, within
from disgorge_core.types import Array, Dataset, Progress, Report

RUN = 3  # words of a shingle
WORD = re.compile(r"\w+")
HASHES = 64  # entries of a MinHash signature
REACH = 64  # others of the same band that a text is compared with
BLOCK = 2_048


@dataclass(frozen=True, eq=False)
class Shingles:
    """Which shingles each of n texts holds: codes `held`, text i's from ends[i] to ends[i + 1], ascending."""

    ends: Array
    held: Array

    @property
    def n(self) -> int:
        """Number of texts."""
        return len(self.ends) - 1

    @property
    def sizes(self) -> Array:
        """Shingles (n,) of each text."""
        return np.diff(self.ends)

    @cached_property
    def matrix(self) -> Any:
        """A sparse matrix (n, shingles) of ones."""
        return sparse(self.ends, self.held, int(self.held.max(initial=0)) + 1)

    def block(self, rows: Array, start: int) -> Array:
        """Distances (m, n - start)."""
        both = (self.matrix[rows] @ self.matrix[start:].T).toarray()
        return _distance(both, self.sizes[rows][:, None], self.sizes[start:])

    def of(self, pairs: Array) -> Array:
        """Distances (m,)."""
        parts = np.array_split(pairs, max(1, len(pairs) // 20_000))
        both = [self.matrix[p[:, 0]].multiply(self.matrix[p[:, 1]]).sum(1) for p in parts]
        return _distance(np.concatenate(both), *self.sizes[pairs].T)


def _distance(both: Array, first: Array, second: Array) -> Array:
    return 1 - both / np.maximum(first + second - both, 1)


def sparse(ends: Array, held: Array, width: int) -> Any:
    """A sparse matrix with a one at each code held, from the ends of its rows."""
    from scipy.sparse import csr_array

    return csr_array((np.ones(len(held), np.int32), held, ends), shape=(len(ends) - 1, width))


def shingles(texts: Sequence[str]) -> Shingles:
    """The shingles of texts, numbered from the rarest; a text of fewer than three words is one shingle."""
    words = [WORD.findall(text.lower()) or [""] for text in texts]
    count = np.array([len(w) for w in words], dtype=np.int64)
    code, _ = pd.factorize(np.array([w for text in words for w in text], dtype=object))
    mixed = _mixed(code.astype(np.uint64), np.cumsum(count), count)
    text = np.repeat(np.arange(len(words)), np.maximum(count - RUN + 1, 1))
    dense, distinct = pd.factorize(mixed)
    rank = np.empty(len(distinct), dtype=np.int64)
    rank[np.argsort(np.bincount(dense), kind="stable")] = np.arange(len(distinct))
    held = np.sort(text * len(distinct) + rank[dense])
    held = held[np.diff(held, prepend=-1) > 0]  # each shingle of a text once
    ends = np.searchsorted(held, np.arange(len(words) + 1) * len(distinct))
    return Shingles(ends, held % max(len(distinct), 1))


def _mixed(code: Array, ends: Array, count: Array) -> Array:
    """A 64-bit number for each run of words, text by text: Σ odd number × word, mixed."""
    drawn = np.random.default_rng(0)
    weight = drawn.integers(0, 2**63, RUN, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    value = drawn.integers(0, 2**64, int(code.max(initial=0)) + 1, dtype=np.uint64)[code]
    starts = np.concatenate([_starts(e, c) for e, c in zip(ends, count, strict=True)])
    last = np.repeat(ends, np.maximum(count - RUN + 1, 1)) - 1
    place = np.minimum(starts[:, None] + np.arange(RUN), last[:, None])
    return (value[place] * weight).sum(1, dtype=np.uint64)


def _starts(end: int, count: int) -> Array:
    return np.arange(end - count, max(end - RUN, end - count) + 1)


def close_texts(data: Dataset, rows: Array, most: float, report: Report) -> Pairs:
    """Pairs of these rows' texts whose Jaccard distance is at most `most` (below 1)."""
    report(Progress(0.1, "Reading the texts"))
    found = shingles(data.take(rows).iloc[:, 0].tolist())
    if found.n <= EXACT:
        return within(found, _by_prefix(found, most, report), most)
    near = sharing(found.n, lambda p: found.of(p) <= most, _bands(found, most), REACH, report)
    pairs = within(found, near, most)
    return replace(pairs, note=recall(found, most, pairs))


def _by_prefix(found: Shingles, most: float, report: Report) -> Array:
    """Candidates (m, 2): texts that share one of their rarest shingles."""
    sizes = found.sizes
    length = sizes - np.ceil((1 - most) * sizes - 1e-9).astype(np.int64) + 1
    place = np.arange(len(found.held)) - np.repeat(found.ends[:-1], sizes)
    first = place < np.repeat(length, sizes)
    ends = np.concatenate([[0], np.cumsum(np.minimum(length, sizes))])
    matrix = sparse(ends, found.held[first], int(found.held.max(initial=0)) + 1)
    turned, candidates = matrix.T.tocsr(), [np.zeros((0, 2), dtype=np.int64)]
    for start in range(0, found.n, BLOCK):
        report(Progress(start / found.n, "Comparing texts"))
        left, right = (matrix[start : start + BLOCK] @ turned).nonzero()
        pairs = np.stack([left + start, right], axis=1).astype(np.int64)
        pairs = pairs[pairs[:, 0] < pairs[:, 1]]
        candidates.append(pairs[found.of(pairs) <= most])
    return np.concatenate(candidates)


def _bands(found: Shingles, most: float) -> list[Callable[[], Array]]:
    """Keys (n,) of a MinHash signature: as many entries a band as keep 95 % of the pairs at `most`."""
    wide = [w for w in (8, 4, 2) if 1 - (1 - (1 - most) ** w) ** (HASHES // w) > 0.95]
    drawn = np.random.default_rng(0)
    value = drawn.integers(0, 2**64, int(found.held.max(initial=0)) + 1, dtype=np.uint64)
    masks = drawn.integers(0, 2**64, HASHES, dtype=np.uint64).reshape(-1, wide[0] if wide else 1)
    return [partial(_band, found, value, band) for band in masks]


def _band(found: Shingles, value: Array, masks: Array) -> Array:
    key = np.zeros(found.n, dtype=np.uint64)
    for mask in masks:
        smallest = np.minimum.reduceat((value ^ mask)[found.held], found.ends[:-1])
        key = key * np.uint64(0x9E3779B97F4A7C15) + smallest
    return key
