"""A column's values of one kind, and conditions on them that may be unknown where a value is missing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from disgorge_core.types import SPLITS, Array, Dataset

VIRTUAL = ("id", "split", "label")
MANY = 12  # a number of more values is grouped in ranges
SHARES = (0.2, 0.4, 0.6, 0.8)  # of the records that lie below the ends of the ranges
MISSING = "(missing)"


@dataclass(frozen=True, eq=False)
class Truth:
    """For each row: is the condition true, is it false; neither where a value is missing."""

    yes: Array
    no: Array

    def __and__(self, other: Truth) -> Truth:
        return Truth(self.yes & other.yes, self.no | other.no)

    def __or__(self, other: Truth) -> Truth:
        return Truth(self.yes | other.yes, self.no & other.no)

    def __invert__(self) -> Truth:
        return Truth(self.no, self.yes)


@dataclass(frozen=True, eq=False)
class Column:
    """A column's values; text that repeats is tested once for each distinct value."""

    name: str
    kind: str  # "number", "text" or "true/false"
    values: pd.Series

    def where(self, test: Callable[[pd.Series], pd.Series]) -> Truth:
        """Truth of a test of the values."""
        known = self.values.notna().to_numpy(dtype=bool)
        yes = known & self._tested(test)
        return Truth(yes, known & ~yes)

    def _tested(self, test: Callable[[pd.Series], pd.Series]) -> Array:
        if not isinstance(self.values.dtype, pd.CategoricalDtype):
            return _bools(test(self.values))
        table = _bools(test(pd.Series(self.values.cat.categories.astype("str"), dtype="str")))
        return np.append(table, False)[self.values.cat.codes.to_numpy()]

    def against(self, how: str, other: Column) -> Truth:
        """Truth of a comparison ("eq", "lt" ...) with another column of the same kind."""
        left, right = self._plain(), other._plain()
        known = (left.notna() & right.notna()).to_numpy(dtype=bool)
        yes = known & _bools(getattr(left, how)(right))
        return Truth(yes, known & ~yes)

    def _plain(self) -> pd.Series:
        values = self.values.reset_index(drop=True)
        return values.astype("str") if self.kind == "text" else values


def _bools(values: pd.Series) -> Array:
    return values.to_numpy(dtype=bool, na_value=False)


def column_names(data: Dataset) -> list[str]:
    """Every name that a filter may use: the columns of the metadata, then id, split and label."""
    return list(dict.fromkeys([*map(str, data.meta.columns), *VIRTUAL]))


def column_of(data: Dataset, name: str) -> Column:
    """The column of that name; raises KeyError where there is none."""
    if name in data.meta.columns:
        return _kinded(name, data.meta[name])
    virtual = {"id": _ids, "split": _splits, "label": _labels}
    return _kinded(name, virtual[name](data))


def grouped(data: Dataset, name: str) -> pd.Series:
    """The group (n,) of each record by a column: its value, for numbers of many values a range of them.

    Ranges hold about as many records each and are categories in order; raises KeyError as `column_of`.
    """
    column = column_of(data, name)
    values = column.values.reset_index(drop=True)
    if column.kind != "number" or values.nunique() <= MANY:
        texts = values.astype("string").fillna(MISSING).astype(object)
        return texts.astype("category").cat.as_unordered()
    number = _range_of(values)
    order = [_span(values[number == code]) for code in range(int(number.max()) + 1)]
    order += [MISSING] * bool((number < 0).any())
    kind = pd.CategoricalDtype(pd.Index(order, dtype="str"), ordered=True)
    return pd.Series(pd.Categorical.from_codes(number % len(order), dtype=kind))


def _span(values: pd.Series) -> str:
    ends = [f"{v:,.0f}" if abs(v) >= 1e4 else f"{v:.4g}" for v in (values.min(), values.max())]
    return " to ".join(dict.fromkeys(ends))


def _range_of(values: pd.Series) -> Array:
    """Number (n,) of each value's range, -1 for a missing one."""
    known = values.dropna()
    edges = np.unique(np.quantile(known, SHARES, method="lower"))
    if len(edges) < len(SHARES) - 1:  # one value is that common: share out the distinct ones
        edges = np.unique(np.quantile(known.unique(), SHARES, method="lower"))
    number = np.searchsorted(edges, values.to_numpy(dtype=np.float64), side="left")
    number[values.isna()] = -1
    found, codes = np.unique(number, return_inverse=True)
    return codes - int(found[0] < 0)


def _ids(data: Dataset) -> pd.Series:
    return pd.Series(data.ids).astype("str")


def _splits(data: Dataset) -> pd.Series:
    return _coded(data.split, SPLITS)


def _labels(data: Dataset) -> pd.Series:
    if data.task == "regression":
        return pd.Series(data.y)
    return _coded(data.y, data.classes)


def _coded(codes: Array, names: Sequence[str]) -> pd.Series:
    dtype = pd.CategoricalDtype(pd.Index(list(names), dtype="str"))
    return pd.Series(pd.Categorical.from_codes(codes.astype(np.int64), dtype=dtype))


def _kinded(name: str, values: pd.Series) -> Column:
    if pd.api.types.is_bool_dtype(values):
        return Column(name, "true/false", values)
    if pd.api.types.is_numeric_dtype(values):
        return Column(name, "number", values)
    if not isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype("str")
    return Column(name, "text", values)
