"""Counts of the chosen records by the values of a column: "47 of 412"."""

from __future__ import annotations

import numpy as np
import pandas as pd

from disgorge_core.data.columns import column_names, column_of
from disgorge_core.types import Array, Dataset

MOST_VALUES = 2_000  # a column with more is no facet
UNKNOWN = "(missing)"


def facet_names(data: Dataset) -> list[str]:
    """Columns that make facets, the label and the owner first."""
    first = [data.roles.label, data.roles.owner, data.roles.source, "split"]
    names = [name for name in dict.fromkeys([*first, *column_names(data)]) if name]
    return [name for name in names if name != "id" and _repeats(data, name)]


def _repeats(data: Dataset, name: str) -> bool:
    if name not in column_names(data) or name == data.roles.near:
        return False
    if name == "label" and data.roles.label != "label":
        return False  # the same as the column that plays the label
    column = column_of(data, name)
    if column.kind == "number":
        return False
    different = column.values.nunique()
    return different <= min(MOST_VALUES, max(2, len(data) // 2))


def values_of(data: Dataset, name: str) -> Array:
    """The value (n,) of each record as text."""
    values = column_of(data, name).values
    return values.astype("string").fillna(UNKNOWN).to_numpy(dtype=object)


def counts(data: Dataset, name: str, mask: Array) -> pd.DataFrame:
    """One row a value: value, chosen, of, share; most chosen first, then the most common."""
    codes, values = pd.factorize(values_of(data, name))
    found = pd.DataFrame(
        {
            "value": values,
            "chosen": np.bincount(codes[mask], minlength=len(values)),
            "of": np.bincount(codes, minlength=len(values)),
        }
    )
    found["share"] = found["chosen"] / found["of"]
    return found.sort_values(["chosen", "of", "value"], ascending=[False, False, True]).reset_index(
        drop=True
    )


def holding(data: Dataset, name: str, values: list[str]) -> Array:
    """Bool (n,): which records have one of these values."""
    return np.isin(values_of(data, name).astype(str), np.array(values, dtype=str))
