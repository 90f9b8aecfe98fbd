"""Which raw records a request means: rows of the dataset, or one record typed in by the user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from disgorge_core.data.words import words_of
from disgorge_core.errors import BadData
from disgorge_core.types import Array, Dataset

LONGEST = 100_000  # letters of a text


def rows_of(data: Dataset, rows: Sequence[int]) -> Array:
    """Row numbers (m,); raises BadData for one that the dataset does not have."""
    found = np.asarray(rows, dtype=np.int64)
    wrong = found[(found < 0) | (found >= len(data))]
    if len(wrong):
        raise BadData(f"The dataset has no row {wrong[0]}.", f"It has rows 0 to {len(data) - 1}.")
    return found


def raw_of(data: Dataset, rows: Sequence[int], record: Any) -> Any:
    """Raw records of these rows, or the one record: pixels (height, width, channels), or values by column.

    Raises BadData for a record that is not like those of the dataset.
    """
    if record is None:
        return data.take(rows_of(data, rows))
    if data.kind == "image":
        return _picture(data, record)
    return _text(data, record) if data.kind == "text" else _row(data, record)


def _picture(data: Dataset, record: Any) -> Array:
    try:
        pixels = np.asarray(record)
        fits = pixels.shape == data.shape and bool(((pixels >= 0) & (pixels <= 255)).all())
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise BadData(
            "The picture does not have the shape of the dataset's pictures.",
            f"Give {data.shape} numbers from 0 to 255.",
        )
    return pixels.astype(np.uint8)[None]


def _text(data: Dataset, record: Mapping[str, Any]) -> pd.DataFrame:
    name = data.x.columns[0]
    text = record.get(name)
    if not isinstance(text, str) or not words_of(text[:LONGEST], 1):
        raise BadData("The text has no word in it.", "Write at least one word.")
    if len(text) > LONGEST:
        raise BadData("The text is too long.", f"Write at most {LONGEST:,} letters.")
    return pd.DataFrame({name: pd.Series([text], dtype="str")})


def _row(data: Dataset, record: Mapping[str, Any]) -> pd.DataFrame:
    missing = [str(column) for column in data.x.columns if column not in record]
    if missing:
        raise BadData(
            f"The record lacks: {', '.join(missing[:5])}.", "Give a value for every column."
        )
    row = {column: [_value(data.x[column], record[column])] for column in data.x.columns}
    return pd.DataFrame(row)


def _value(known: pd.Series, value: Any) -> Any:
    """A number for a column of numbers; categories stay as they are, unheard-of ones too."""
    if not pd.api.types.is_numeric_dtype(known) or pd.api.types.is_bool_dtype(known):
        return value
    try:
        return np.nan if value is None else float(value)
    except (TypeError, ValueError):
        raise BadData(f"{known.name} is {value!r}.", "Write a number.") from None
