"""The names of records: a column's values, or the row numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from disgorge_core.errors import BadData
from disgorge_core.types import Array

LONGEST_ID = 200


def ids_of(frame: pd.DataFrame, column: str) -> Array:
    """Ids (n,) of a column, or row numbers for ""; raises BadData where they name no record for good."""
    if not column:
        return row_numbers(len(frame))
    values = frame[column]
    missing = np.flatnonzero(values.isna())
    if len(missing):
        raise BadData(
            f"The id {column!r} is missing in {len(missing):,} data rows, first in row"
            f" {missing[0] + 1:,}.",
            "Fill it in, or use no id column.",
        )
    whole = pd.api.types.is_float_dtype(values) and bool((values % 1 == 0).all())
    texts = (values.astype(np.int64) if whole else values).astype("str")
    _check(column, texts)
    return texts.to_numpy(dtype=str)


def row_numbers(n: int) -> Array:
    """The ids (n,) of records that have none of their own."""
    return np.arange(n).astype(f"U{len(str(max(n - 1, 0)))}")


def _check(column: str, texts: pd.Series) -> None:
    again = np.flatnonzero(texts.duplicated())
    if len(again):
        raise BadData(
            f"The id {column!r} is not unique: {texts.iloc[again[0]][:40]!r} comes back in data row"
            f" {again[0] + 1:,}.",
            "Choose a column of unique ids, or none.",
        )
    if int(texts.str.len().max()) > LONGEST_ID or texts.str.contains(r"[\r\n\x00]").any():
        raise BadData(
            f"The id {column!r} holds line breaks or more than {LONGEST_ID} characters.",
            "Choose another column, or none.",
        )
