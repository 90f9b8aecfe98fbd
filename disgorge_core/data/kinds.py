"""Columns as the rest of the library wants them: numbers, categories, texts; and which can be features."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd
import pyarrow as pa

from disgorge_core.data.reading.limits import MOST_COLUMNS
from disgorge_core.errors import BadData

MOST_VALUES = 1000  # distinct texts of a category
FEW_VALUES = 50  # so few distinct texts are a category in any table
PROSE = 3  # words of a value, on average
DATE = r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?"


def tidy(frame: pd.DataFrame) -> pd.DataFrame:
    """Every column in one of these types: int32, int64, float32, float64, category of text, text.

    True/false become the categories "False" and "True", dates become text. Raises BadData for columns
    that cannot be named and for infinite numbers.
    """
    _check_names(frame)
    columns = {name: _tidy(frame[name]) for name in frame.columns}
    return pd.DataFrame(columns, index=pd.RangeIndex(len(frame)))


def _check_names(frame: pd.DataFrame) -> None:
    names = list(frame.columns)
    if len(names) > MOST_COLUMNS:
        raise BadData(
            f"The table has {len(names):,} columns.", f"Keep at most {MOST_COLUMNS:,} of them."
        )
    for name in names:
        if not isinstance(name, str) or not name.isprintable() or len(name) > 200:
            raise BadData(
                f"A column is named {str(name)[:40]!r}.", "Use names of up to 200 plain characters."
            )
        if names.count(name) > 1:
            raise BadData(f"Two columns are named {name!r}.", "Give each its own name.")


def _tidy(values: pd.Series) -> pd.Series:
    values = values.reset_index(drop=True)
    if pd.api.types.is_bool_dtype(values) or pd.api.types.infer_dtype(values) == "boolean":
        return _category(_encoded(values.astype("object").astype("str")))
    if pd.api.types.is_timedelta64_dtype(values):
        return _float(values.dt.total_seconds())
    if pd.api.types.is_unsigned_integer_dtype(values) and values.max() > np.iinfo(np.int64).max:
        return _text(values.astype("str"))  # as numbers they would lose digits
    if pd.api.types.is_integer_dtype(values) and not values.hasnans:
        small = np.iinfo(np.int32)
        fits = len(values) and small.min <= values.min() and values.max() <= small.max
        return values.astype(np.int32 if fits else np.int64)
    if pd.api.types.is_numeric_dtype(values):
        return _float(values)
    return _text(values)


def _float(values: pd.Series) -> pd.Series:
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    if np.isinf(numbers).any():
        row = int(np.flatnonzero(np.isinf(numbers))[0]) + 1
        raise BadData(
            f"The column {values.name!r} is infinite in data row {row:,}.",
            "Write a number, or nothing for a missing value.",
        )
    with np.errstate(over="ignore"):
        short = numbers.astype(np.float32)
    exact = np.array_equal(short.astype(np.float64), numbers, equal_nan=True)
    return pd.Series(short if exact else numbers, name=values.name, copy=False)


def _text(values: pd.Series) -> pd.Series:
    if isinstance(values.dtype, pd.CategoricalDtype):
        if len(values.cat.categories) > MOST_VALUES:
            return values.astype("str")
        used = values.cat.remove_unused_categories()
        named = used.cat.rename_categories([str(value) for value in used.cat.categories])
        return named.cat.set_categories(sorted(named.cat.categories))
    texts = values.astype("str")
    found = _encoded(texts)
    return _category(found) if len(found.dictionary) <= MOST_VALUES else texts


def _encoded(texts: pd.Series) -> pa.DictionaryArray:
    found = pa.array(texts, pa.large_string(), from_pandas=True)
    whole = found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
    return whole.dictionary_encode()


def _category(found: pa.DictionaryArray) -> pd.Series:
    """Distinct texts as sorted categories."""
    known: list[str] = found.dictionary.to_pylist()
    order = sorted(range(len(known)), key=known.__getitem__)
    rank = np.empty(len(known) + 1, dtype=np.int64)
    rank[order], rank[-1] = np.arange(len(known)), -1
    codes = rank[found.indices.fill_null(-1).to_numpy(zero_copy_only=False)]
    names = pd.CategoricalDtype(pd.Index([known[place] for place in order], dtype="str"))
    return pd.Series(pd.Categorical.from_codes(codes, dtype=names), copy=False)


def features(frame: pd.DataFrame, taken: Collection[str], dates: Collection[str]) -> list[str]:
    """Columns that a model can use: not taken by a role, no dates, no free text, not all missing."""
    return [
        name
        for name in frame.columns
        if name not in taken and name not in dates and _usable(frame[name])
    ]


def _usable(values: pd.Series) -> bool:
    if isinstance(values.dtype, pd.CategoricalDtype):
        distinct = len(values.cat.categories)
        few = distinct <= FEW_VALUES and words_in(values.cat.categories.to_series()) < PROSE
        return distinct > 0 and (few or distinct <= len(values) // 2)
    return pd.api.types.is_numeric_dtype(values) and not bool(values.isna().all())


def words_in(values: pd.Series) -> float:
    """How many words a value has on average, by the first thousand; 0 for what is not text."""
    known = values.dropna().iloc[:1000]
    if not len(known) or pd.api.types.infer_dtype(known) not in ("string", "categorical"):
        return 0.0
    return float(known.astype("str").str.count(r"\S+").mean())


def date_columns(frame: pd.DataFrame) -> list[str]:
    """Columns of dates or times, also where they are written as text (2001-12-31, 2001-12-31T10:00)."""
    return [str(name) for name in frame.columns if _is_dates(frame[name])]


def _is_dates(values: pd.Series) -> bool:
    if pd.api.types.is_datetime64_any_dtype(values):
        return True
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.cat.categories.to_series()
    known = values.dropna()
    if not len(known) or pd.api.types.infer_dtype(known.iloc[:100]) != "string":
        return False
    return _all_dates(known.iloc[:100]) and _all_dates(known)


def _all_dates(texts: pd.Series) -> bool:
    return bool(texts.astype("str").str.fullmatch(DATE).all())
