"""Which records train, validate, test: as a column says, or drawn by a hash of each record's id."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from disgorge_core.data.split_words import WORDS
from disgorge_core.errors import BadData
from disgorge_core.types import SPLITS, Array

SHARES = np.array([0.7, 0.1, 0.2])
BLOCK = 2**16  # ids that are hashed at once
UP_TO = (0.7, 0.8)  # shares of train, and of train with validation


def given(values: pd.Series) -> Array:
    """Split codes (n,) of a column that says train, validation or test; raises BadData."""
    if values.hasnans:
        row = int(np.flatnonzero(values.isna())[0]) + 1
        raise BadData(f"The split is missing in data row {row:,}.", "Fill it in for every row.")
    words = values.astype("str").str.strip().str.lower()
    unknown = sorted(set(words.unique()) - set(WORDS))
    if unknown:
        raise BadData(
            f"The split column holds {unknown[0][:40]!r}.", "Use train, validation and test."
        )
    codes = words.map({word: SPLITS.index(split) for word, split in WORDS.items()})
    split = codes.to_numpy(dtype=np.int8)
    for name in ("train", "test"):
        if SPLITS.index(name) not in split:
            raise BadData(
                f"The split column has no row for {name}.",
                "Add some, or leave the column out to have a split made.",
            )
    return split


def made(ids: Array, strata: Array, group: Array, seed: int) -> Array:
    """Split codes (n,): 70 % train, 10 % validation, 20 % test within each stratum.

    Records are ordered by a hash of (seed, id), so neither file order nor other columns matter. Those of
    one `group` (duplicates) stay together, in the stratum of their first member.
    """
    place, first, size = _groups(ids, group, seed)
    share = np.empty(len(first))
    for stratum in np.unique(strata[first]):
        inside = np.flatnonzero(strata[first] == stratum)
        inside = inside[np.argsort(place[first[inside]], kind="stable")]
        ends = np.cumsum(size[inside])
        share[inside] = (ends - size[inside] / 2) / ends[-1]
    return _spread(group, first, np.searchsorted(UP_TO, share, side="right"))


def made_of_large_groups(ids: Array, group: Array, seed: int) -> Array:
    """Split codes (n,): whole groups, as near to 70/10/20 % of the records as they allow; raises BadData.

    The largest group goes first, equal ones by a hash of (seed, id). Each goes where share / (records
    there + half its own) is highest (Sainte-Laguë), the last ones where there are none yet.
    """
    place, first, size = _groups(ids, group, seed)
    if len(first) < len(SPLITS):
        raise BadData(
            f"There are only {len(first)} groups to keep together.",
            "Three or more are needed: keep records together by another column, or by none.",
        )
    filled = np.zeros(len(SPLITS))
    code = np.empty(len(first), dtype=np.int8)
    for left, which in zip(
        range(len(first), 0, -1), np.lexsort((place[first], -size)), strict=True
    ):
        free = filled == 0 if left <= (filled == 0).sum() else filled >= 0
        code[which] = np.where(free, SHARES / (filled + size[which] / 2), 0).argmax()
        filled[code[which]] += size[which]
    return _spread(group, first, code)


def _groups(ids: Array, group: Array, seed: int) -> tuple[Array, Array, Array]:
    """A place (n,) for each record, and for each group the row of its first member and its size."""
    place = _places(ids, seed)
    order = np.lexsort((place, group))
    first = order[np.flatnonzero(np.diff(group[order], prepend=-1))]
    return place, first, np.bincount(group)[group[first]]


def _places(ids: Array, seed: int) -> Array:
    """A hash (n,) of seed and id for each record."""
    key = f"{seed % 10**16:016d}"
    blocks = (ids[start : start + BLOCK].astype(object) for start in range(0, len(ids), BLOCK))
    hashes = [pd.util.hash_array(block, hash_key=key, categorize=False) for block in blocks]
    return np.concatenate(hashes)


def _spread(group: Array, first: Array, code: Array) -> Array:
    of_group = np.empty(int(group.max()) + 1, dtype=np.int8)
    of_group[group[first]] = code
    return of_group[group]


def together(groups: Sequence[Array]) -> Array:
    """Numbers (n,) from 0: equal for records that share a number in any of the groups, or are linked so."""
    n = len(groups[0])
    codes = [np.unique(group, return_inverse=True)[1] for group in groups]
    if len(codes) == 1:
        return codes[0]
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    start = np.cumsum([n, *(int(code.max()) + 1 for code in codes)])
    ends = np.concatenate([code + first for code, first in zip(codes, start, strict=False)])
    rows = np.tile(np.arange(n), len(codes))
    links = csr_array((np.ones(len(ends), bool), (rows, ends)), shape=(start[-1], start[-1]))
    _, found = connected_components(links, directed=False)
    return np.unique(found[:n], return_inverse=True)[1]


def alone_where_missing(values: pd.Series) -> Array:
    """Numbers (n,): equal for equal values; a missing value shares its number with none."""
    codes = pd.factorize(values)[0].astype(np.int64)
    missing = np.flatnonzero(codes < 0)
    codes[missing] = len(values) + np.arange(len(missing))
    return codes
