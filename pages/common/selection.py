"""The selection in hand: immutable, with how it was made, and an undo stack of earlier ones.

Every view reads it and writes a new one; nothing here draws. Masks travel as packed bits, so that a
long undo stack over a million records stays within some megabytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from disgorge_core.data import forget_set
from disgorge_core.data.forget_set import Standing
from disgorge_core.errors import BadForgetSet
from disgorge_core.types import Array, Dataset, ForgetSet

Op = Literal["replace", "add", "remove", "keep", "clear"]
OPS: dict[Op, str] = {
    "replace": "Choose",
    "add": "Add",
    "remove": "Take out",
    "keep": "Keep only",
}
JOINED: dict[str, str] = {"replace": "", "add": "and ", "remove": "but not ", "keep": "only "}
MOST_STEPS = 60  # that can be undone


@dataclass(frozen=True)
class Selection:
    """Chosen rows of a dataset of `n` records; `made` says how, `by_looking` whether at the model."""

    n: int
    bits: bytes
    made: tuple[str, ...] = ()
    by_looking: bool = False

    @property
    def mask(self) -> Array:
        """Bool (n,): which rows are chosen."""
        return np.unpackbits(np.frombuffer(self.bits, np.uint8), count=self.n).astype(bool)

    @property
    def rows(self) -> Array:
        """Chosen row numbers, ascending."""
        return np.flatnonzero(self.mask)

    def __len__(self) -> int:
        return int(np.bitwise_count(np.frombuffer(self.bits, np.uint8)).sum())

    def changed(self, mask: Array, op: Op, how: str, looking: bool = False) -> Selection:
        """The selection after `mask` (n,) was chosen, added, taken out or kept; self if no row changed.

        Choosing anew forgets how the earlier records were found; everything else adds a step.
        """
        if op == "clear":
            return nothing(self.n)
        now = _combined(self.mask, np.asarray(mask, dtype=bool), op)
        if op == "replace":
            return _selection(now, (how,), looking)
        if np.array_equal(now, self.mask):
            return self
        step = JOINED[op] + how if self.made else how
        return _selection(now, (*self.made, step), looking or self.by_looking)


def _combined(before: Array, mask: Array, op: Op) -> Array:
    if op == "add":
        return before | mask
    if op == "remove":
        return before & ~mask
    return before & mask if op == "keep" else mask


def _selection(mask: Array, made: tuple[str, ...], looking: bool) -> Selection:
    if not mask.any():
        return nothing(len(mask))
    return Selection(len(mask), np.packbits(mask).tobytes(), made, looking)


def nothing(n: int) -> Selection:
    """No record chosen."""
    return Selection(n, np.packbits(np.zeros(n, dtype=bool)).tobytes())


def selection_of(data: Dataset, forget: ForgetSet) -> Selection:
    """A saved forget set as a selection."""
    return _selection(forget.mask(data), forget.made, forget.by_looking)


def forget_of(
    data: Dataset, chosen: Selection, *, name: str, author: str = "", reason: str = ""
) -> ForgetSet:
    """The selection as a named forget set; raises BadForgetSet where it cannot be removed."""
    made = forget_set.from_mask(
        data, chosen.mask, "", chosen.by_looking, name=name, author=author, reason=reason
    )
    forget = replace(made, made=chosen.made)
    forget_set.check(data, forget)
    return forget


def standing(data: Dataset, chosen: Selection) -> Standing | BadForgetSet:
    """Counts by split and warnings, or why the selection cannot be removed."""
    forget = forget_set.from_mask(data, chosen.mask, "", chosen.by_looking)
    try:
        return forget_set.check(data, forget)
    except BadForgetSet as problem:
        return problem


@dataclass(frozen=True)
class History:
    """The selection in hand with what came before and what was undone."""

    now: Selection
    past: tuple[Selection, ...] = ()
    future: tuple[Selection, ...] = ()

    def then(self, chosen: Selection) -> History:
        """One step further; the same selection again is no step."""
        if chosen == self.now:
            return self
        return History(chosen, (*self.past, self.now)[-MOST_STEPS:])

    def undone(self) -> History:
        """One step back."""
        if not self.past:
            return self
        return History(self.past[-1], self.past[:-1], (self.now, *self.future))

    def redone(self) -> History:
        """One undone step again."""
        if not self.future:
            return self
        return History(self.future[0], (*self.past, self.now), self.future[1:])


def mask_of(n: int, rows: Iterable[int] | Array) -> Array:
    """Bool (n,) that is true at these row numbers."""
    mask = np.zeros(n, dtype=bool)
    mask[np.asarray(list(rows), dtype=np.int64)] = True
    return mask
