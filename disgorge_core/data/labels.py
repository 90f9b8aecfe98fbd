"""What a model of the dataset learns to say: class codes, or values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from disgorge_core.errors import BadData
from disgorge_core.types import Array

MOST_CLASSES = 1000
MANY_VALUES = 20  # a number of more distinct values can be a regression
RARE = 5  # rows for each value, on average
TASKS = ("classification", "regression")


@dataclass(frozen=True, eq=False)
class Targets:
    """Class codes (n,) int64 and class names, or values (n,) float64."""

    task: str
    y: Array
    classes: tuple[str, ...]


def targets(values: pd.Series, task: str | None = None) -> Targets:
    """Targets of a label column, with the task guessed if None; raises BadData."""
    if task is not None and task not in TASKS:
        raise BadData(f"There is no task {task!r}.", f"Known are: {', '.join(TASKS)}.")
    _refuse_missing(values)
    if (task or guess_task(values)) == "regression":
        return Targets("regression", _values(values), ())
    return _classes(values)


def as_numbers(values: pd.Series) -> pd.Series:
    """The numbers that texts are, as names of folders can be; the texts as they are where one is none."""
    if pd.api.types.is_numeric_dtype(values) or values.isna().any():
        return values
    numbers = pd.to_numeric(values.astype("str"), errors="coerce")
    return values if numbers.isna().any() or np.isinf(numbers).any() else numbers


def guess_task(values: pd.Series) -> str:
    """Regression for numbers of many values, if they have fractions or most values are rare."""
    distinct = values.nunique()
    if not pd.api.types.is_numeric_dtype(values) or distinct <= MANY_VALUES:
        return "classification"
    fractions = bool((values % 1 != 0).any())
    return "regression" if fractions or len(values) < RARE * distinct else "classification"


def _refuse_missing(values: pd.Series) -> None:
    rows = np.flatnonzero(values.isna()) + 1
    if len(rows):
        few = ", ".join(f"{row:,}" for row in rows[:3])
        raise BadData(
            f"The label {values.name!r} is missing in {len(rows):,} of {len(values):,} data rows:"
            f" {few}{' ...' if len(rows) > 3 else ''}.",
            "Fill it in, or take these rows out.",
        )


def _values(values: pd.Series) -> Array:
    if not pd.api.types.is_numeric_dtype(values):
        raise BadData(
            f"The label {values.name!r} holds text, a regression needs numbers.",
            "Choose another label, or classification.",
        )
    numbers = values.to_numpy(dtype=np.float64)
    if numbers.min() == numbers.max():
        raise BadData(f"The label {values.name!r} is the same in all rows.", "Choose another one.")
    return numbers


def _classes(values: pd.Series) -> Targets:
    known, codes = _known(values)
    if not 2 <= len(known) <= MOST_CLASSES:
        numbers = pd.api.types.is_numeric_dtype(values) and len(known) > MOST_CLASSES
        raise BadData(
            f"The label {values.name!r} has {len(known):,} distinct"
            f" {'value' if len(known) == 1 else 'values'}, a classification needs 2 to"
            f" {MOST_CLASSES:,}.",
            f"Choose another label{', or the task regression' if numbers else ''}.",
        )
    return Targets("classification", codes.astype(np.int64), tuple(map(_name, known)))


def _known(values: pd.Series) -> tuple[list[object], Array]:
    """Distinct values in order (numbers as numbers, texts as texts), and the code of each row."""
    if pd.api.types.is_numeric_dtype(values):
        known, codes = np.unique(values.to_numpy(), return_inverse=True)
        return known.tolist(), codes
    texts = pd.Categorical(values)
    return list(texts.categories), texts.codes


def _name(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
