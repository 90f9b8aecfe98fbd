"""Which records train, validate, test: as a column says, or drawn by a hash of each record's id."""

from __future__ import annotations

import numpy as np
import pandas as pd

from disgorge_core.data.split_words import WORDS
from disgorge_core.errors import BadData
from disgorge_core.types import SPLITS, Array

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
    one `group` (exact duplicates) stay together, in the stratum of their first member.
    """
    key = f"{seed % 10**16:016d}"
    place = pd.util.hash_array(ids.astype(object), hash_key=key, categorize=False)
    order = np.lexsort((place, group))
    first = order[np.flatnonzero(np.diff(group[order], prepend=-1))]  # one row for each group
    size = np.bincount(group)[group[first]]
    share = np.empty(len(first))
    for stratum in np.unique(strata[first]):
        inside = np.flatnonzero(strata[first] == stratum)
        inside = inside[np.argsort(place[first[inside]], kind="stable")]
        ends = np.cumsum(size[inside])
        share[inside] = (ends - size[inside] / 2) / ends[-1]
    of_group = np.empty(int(group.max()) + 1, dtype=np.int8)
    of_group[group[first]] = np.searchsorted(UP_TO, share, side="right")
    return of_group[group]


def duplicate_groups(x: pd.DataFrame) -> Array:
    """A number (n,) for each record: the same for records whose features are all equal."""
    hashes = pd.util.hash_pandas_object(x, index=False).to_numpy()
    return np.unique(hashes, return_inverse=True)[1]
