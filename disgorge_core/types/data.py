"""Training data and the records to remove."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from disgorge_core.errors import BadForgetSet
from disgorge_core.types.plain import Array, digest_of

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Roles:
    """Which columns of the metadata play which part; an empty name means that there is none."""

    label: str = "label"
    id: str = ""
    owner: str = ""
    source: str = ""
    near: str = ""  # number of the near-duplicate cluster
    text: str = ""  # what a model reads, where records are texts


@dataclass(frozen=True, eq=False)
class Dataset:
    """Training data: `x` holds raw records, before anything is fitted to them.

    kind "image": x is uint8 (n, height, width, channels); "table": x is a DataFrame (n, columns) of
    numbers and categories; "text": x is a DataFrame (n, 1) of texts, none missing. `y` is class codes
    (n,) int64, or values (n,) float64 for regression. `classes` is fixed in advance for all models of
    the dataset, so that it carries nothing of F. `meta` has one row a record and holds every column that
    a filter may name, the label included.
    """

    name: str
    kind: str
    task: str
    ids: Array
    x: Any
    y: Array
    classes: tuple[str, ...]
    split: Array
    meta: pd.DataFrame
    roles: Roles
    digest: str
    licence: str = ""
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one raw record: (height, width, channels) or (columns,)."""
        return tuple(int(s) for s in self.x.shape[1:])

    def rows(self, split: str) -> Array:
        """Row numbers (m,) of a split; "all" gives every row."""
        if split == "all":
            return np.arange(len(self))
        return np.flatnonzero(self.split == SPLITS.index(split))

    def take(self, rows: Array) -> Any:
        """Raw records of these rows, in this order."""
        return self.x.iloc[rows] if isinstance(self.x, pd.DataFrame) else self.x[rows]

    def arrays(self, split: str) -> tuple[Any, Array]:
        """Raw records and targets of a split."""
        rows = self.rows(split)
        return self.take(rows), self.y[rows]

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Row number of each id."""
        return {str(name): row for row, name in enumerate(self.ids)}

    @cached_property
    def keys(self) -> Array:
        """A 64-bit number (n,) for each id: what orders batches, masks and augmentation."""
        return np.array([key_of(str(name)) for name in self.ids], dtype=np.uint64)


def key_of(name: str) -> int:
    """A 64-bit number for a name: what chance is keyed by, instead of a place in a file."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")


@dataclass(frozen=True, eq=False)
class ForgetSet:
    """Records to remove: immutable, named, with how they were chosen and why.

    `ForgetSet.where(data, filter)` and `ForgetSet.of(data, ids)` make one; `data.forget_set` gives them,
    because filters and ids are read above the types.
    """

    where: ClassVar[Callable[..., ForgetSet]]
    of: ClassVar[Callable[..., ForgetSet]]

    ids: tuple[str, ...]  # sorted, unique
    dataset: str  # the dataset's digest
    name: str = "forget set"
    made: tuple[str, ...] = ()  # one line for each step: "where artist == 'Artist 07'", "lasso ..."
    by_looking: bool = False  # chosen by looking at the model: bounds do not cover that
    author: str = ""
    reason: str = ""

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def digest(self) -> str:
        """Digest of the dataset and the ids."""
        return digest_of([self.dataset, list(self.ids)])

    def mask(self, data: Dataset) -> Array:
        """Bool (n,): which rows of the dataset are in the set."""
        mask = np.zeros(len(data), dtype=bool)
        mask[[data.row_of[name] for name in self.ids]] = True
        return mask

    def __or__(self, other: ForgetSet) -> ForgetSet:
        return _combined(self, other, "or", set(self.ids) | set(other.ids))

    def __and__(self, other: ForgetSet) -> ForgetSet:
        return _combined(self, other, "and", set(self.ids) & set(other.ids))

    def __sub__(self, other: ForgetSet) -> ForgetSet:
        return _combined(self, other, "but not", set(self.ids) - set(other.ids))


def _combined(first: ForgetSet, second: ForgetSet, word: str, ids: set[str]) -> ForgetSet:
    if first.dataset != second.dataset:
        raise BadForgetSet(
            "The two forget sets belong to different datasets.", "Combine sets of one dataset."
        )
    return ForgetSet(
        ids=tuple(sorted(ids)),
        dataset=first.dataset,
        name=f"{first.name} {word} {second.name}",
        made=(*first.made, f"{word} ({'; '.join(second.made)})"),
        by_looking=first.by_looking or second.by_looking,
        author=_joined(first.author, second.author),
        reason=_joined(first.reason, second.reason),
    )


def _joined(*words: str) -> str:
    return "; ".join(dict.fromkeys(word for word in words if word))
