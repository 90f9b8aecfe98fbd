"""A dataset as the table that it was made of, so that its columns can be given other parts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from disgorge_core.data.ids import row_numbers
from disgorge_core.data.roles import PARTS, Guess, split_like
from disgorge_core.data.split_words import WORDS
from disgorge_core.types import SPLITS, Dataset


@dataclass(frozen=True, eq=False)
class Table:
    """One row a record, with ids and splits as columns; pictures or None; the parts of the columns.

    `ignore`: columns that no model sees. `dataset_of` gives the same records, ids, targets and splits.
    """

    frame: pd.DataFrame
    pictures: Any
    parts: Guess
    ignore: tuple[str, ...]


def as_table(data: Dataset) -> Table:
    """What a dataset was made of."""
    table, roles = data.meta.copy(deep=False), data.roles
    if isinstance(data.x, pd.DataFrame):
        table = table.join(data.x[[name for name in data.x if name not in table]])
    if not roles.id and not _are_row_numbers(data):
        roles = replace(roles, id=_free("id", table))
        table = table.assign(**{roles.id: data.ids.astype(str)})
    split = split_like(table)
    if not split or not _says_the_split(table[split], data):
        split = _free("split", table)
        words = pd.Categorical.from_codes(data.split.astype(np.int64), categories=pd.Index(SPLITS))
        table = table.assign(**{split: words})
    if not isinstance(data.x, pd.DataFrame):
        return Table(table, data.x, Guess(roles, split, ()), ())
    parts = {getattr(roles, part) for part in PARTS if part != "split"} | {split}
    ignore = [str(name) for name in table if name not in data.x and name not in parts]
    return Table(
        table, None, Guess(roles, split, ()), tuple(ignore if data.kind == "table" else ())
    )


def _are_row_numbers(data: Dataset) -> bool:
    return bool(np.array_equal(data.ids, row_numbers(len(data))))


def _says_the_split(values: pd.Series, data: Dataset) -> bool:
    words = values.astype("str").str.strip().str.lower()
    codes = words.map({word: SPLITS.index(split) for word, split in WORDS.items()})
    return bool(np.array_equal(codes.to_numpy(), data.split))


def _free(name: str, table: pd.DataFrame) -> str:
    """The name, marked as often as it takes to be a new one."""
    while name in table:
        name += "'"
    return name
