"""A column of a dataset that says which records belong together, or when they came."""

from __future__ import annotations

import numpy as np
import pandas as pd

from disgorge_core.errors import BadParam
from disgorge_core.training.order import SHARD, drawn
from disgorge_core.types import SPLITS, Array, Dataset
from disgorge_core.types.data import key_of

NOT_STATED = "not stated"


def why_no_column(data: Dataset, name: str) -> str | None:
    """One sentence that says why a column cannot be used; None if it can."""
    if name not in data.meta:
        return f"There is no column {name!r}: choose one of {', '.join(map(str, data.meta))}."
    holes = int(data.meta[name].isna().to_numpy()[data.split == SPLITS.index("train")].sum())
    if holes:
        return (
            f"The column {name!r} is empty for {holes:,} training records: fill it, or choose another "
            "column."
        )
    return None


def values_by(data: Dataset, name: str) -> pd.Series:
    """The column's values (n,); raises BadParam where there is none, or not for each training record."""
    reason = why_no_column(data, name)
    if reason:
        problem, _, remedy = reason.partition(": ")
        raise BadParam(f"{problem}.", f"{remedy[0].upper()}{remedy[1:]}")
    return data.meta[name]


def sources_of(data: Dataset, column: str, *, blank: bool = False) -> Array:
    """The source (n,) of each record as text; raises BadParam where it is not known for all.

    With `blank` records without a value have the source "not stated".
    """
    if blank and column in data.meta:
        values = data.meta[column]
        return values.astype(object).where(values.notna(), NOT_STATED).astype(str).to_numpy(str)
    return values_by(data, column).astype(str).to_numpy(dtype=str)


def why_no_sources(data: Dataset, name: str, most: int, *, blank: bool = False) -> str | None:
    """Why a column cannot name the sources of the training records, of which there are at most so many."""
    reason = None if blank and name in data.meta else why_no_column(data, name)
    if reason:
        return reason
    count = len(np.unique(sources_of(data, name, blank=blank)[data.rows("train")]))
    if count <= most:
        return None
    return f"The column {name!r} has {count:,} values, more than {most}: choose another."


def ranks_by(data: Dataset, name: str, mask: Array) -> Array:
    """Numbers (n,) from 0 for the values among the records of mask (n,), in their order; -1 elsewhere.

    Numbers and dates are put in order as such, everything else as text.
    """
    values = values_by(data, name)
    if not (pd.api.types.is_numeric_dtype(values) or pd.api.types.is_datetime64_any_dtype(values)):
        values = values.astype(str)
    ranks = np.full(len(data), -1, dtype=np.int64)
    ranks[mask] = np.unique(values.to_numpy()[mask], return_inverse=True)[1]
    return ranks


def shard_draws(data: Dataset, by: str, seed: int) -> Array:
    """A 64-bit number (n,) for each record, from its id alone, or from its value in the column `by`.

    Raises BadParam where the column does not say one for each training record.
    """
    keys = data.keys
    if by:
        place, values = pd.factorize(values_by(data, by), use_na_sentinel=False)
        keys = np.array([key_of(str(value)) for value in values], dtype=np.uint64)[place]
    return drawn(keys, seed, SHARD)
