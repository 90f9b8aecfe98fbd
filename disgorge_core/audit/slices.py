"""Slices of the records: each class, owner and source that has enough of them: averages hide people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from disgorge_core.types import Array, Dataset

FEWEST = 10  # records of a slice
LONGEST = 80  # letters of a slice's name that are kept to be shown
NOBODY = "none given"


@dataclass(frozen=True, eq=False)
class Slices:
    """Names, and which of the records (S, k) are in each."""

    names: tuple[str, ...]
    inside: Array


def slices(data: Dataset, rows: Array) -> Slices:
    """Classes, owners and sources of at least `FEWEST` of these rows (k,) of the dataset."""
    found = [one for column in _columns(data, rows) for one in _groups(*column)]
    masks = [mask for _, mask in found] or [np.zeros(len(rows), bool)]
    return Slices(tuple(name for name, _ in found), np.array(masks))


def _columns(data: Dataset, rows: Array) -> Iterator[tuple[str, Array]]:
    if data.task == "classification":
        yield "class", np.array(data.classes)[data.y[rows]]
    for column in dict.fromkeys([data.roles.owner, data.roles.source]):
        if column and column != data.roles.label:
            yield column, _texts(data.meta[column].iloc[rows])


def _texts(values: pd.Series) -> Array:
    return np.array([NOBODY if missing else str(value) for value, missing in
                     zip(values, values.isna(), strict=True)])  # fmt: skip


def _groups(column: str, values: Array) -> Iterator[tuple[str, Array]]:
    names, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    for code in np.flatnonzero(counts >= FEWEST):
        yield _short(f"{column}: {names[code]}"), codes == code


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
