"""How the points of a map are coloured: by category or by value."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_CATEGORIES = 256


@dataclass(frozen=True, eq=False)
class Categories:
    """One colour per category: `codes` (n,) number the `names`, -1 stands for none of them.

    Without a `palette` (#rrggbb) the theme's chart colours are used.
    """

    codes: NDArray[np.integer]
    names: Sequence[str]
    palette: Sequence[str] | None = None
    title: str = "Categories"
    digest: str = ""

    def __len__(self) -> int:
        return len(self.codes)

    def shown_codes(self) -> NDArray[np.uint8]:
        """The legend entry (n,) of each point; what has no entry of its own gets the last one."""
        entry_of = np.full(len(self.names) + 1, len(self._kept), dtype=np.int64)
        entry_of[self._kept] = np.arange(len(self._kept))
        return entry_of[self.codes].astype(np.uint8)  # -1 reads the end: none of them

    def legend(self) -> dict[str, Any]:
        """What stands beside the map: names and counts by legend entry."""
        counts = np.bincount(self.shown_codes())
        names = [str(self.names[code]) for code in self._kept]
        rest = len(names) if len(counts) > len(names) else None
        if rest is not None:
            names.append("other" if self.note() else "none")
        return {
            "look": "categories",
            "title": self.title,
            "names": names,
            "rest": rest,
            "counts": np.pad(counts, (0, len(names) - len(counts))).tolist(),
            "palette": None if self.palette is None else list(self.palette),
            "note": self.note(),
        }

    def note(self) -> str:
        """The sentence for categories that share a colour; empty when each has its own."""
        kept, named = len(self._kept), len(self.names)
        return "" if kept == named else f"{named:,} categories: the {kept} most common, then other."

    def content_digest(self) -> str:
        """The given digest, else one over codes, names and colours."""
        return self.digest or digest_of(
            self.codes, [self.title, *self.names, *(self.palette or ())]
        )

    @cached_property
    def _kept(self) -> NDArray[np.intp]:
        """Categories with a legend entry of their own, in the given order."""
        counts = np.bincount(self.codes[self.codes >= 0], minlength=len(self.names))
        if len(self.names) + bool((self.codes < 0).any()) <= MOST_CATEGORIES:
            return np.arange(len(self.names))
        return np.sort(np.argsort(-counts, kind="stable")[: MOST_CATEGORIES - 1])


@dataclass(frozen=True, eq=False)
class Values:
    """A colour ramp over `values` (n,), two-sided around `centre` if one is given; NaN is grey."""

    values: NDArray[np.floating]
    title: str
    centre: float | None = None
    digest: str = ""

    def __len__(self) -> int:
        return len(self.values)

    def shown_codes(self) -> NDArray[np.uint8]:
        """Place (n,) on the ramp from 1 to 255; 0 where there is no finite value."""
        low, high = self._range
        share = (np.nan_to_num(self.values, posinf=0, neginf=0) - low) / (high - low)
        codes = 1 + np.rint(254 * np.clip(share, 0, 1)).astype(np.uint8)
        return np.where(np.isfinite(self.values), codes, 0).astype(np.uint8)

    def legend(self) -> dict[str, Any]:
        """What stands beside the map: title, range and kind of ramp."""
        low, high = self._range
        return {
            "look": "rising" if self.centre is None else "diverging",
            "title": self.title,
            "low": low,
            "high": high,
            "missing": int(np.count_nonzero(~np.isfinite(self.values))),
        }

    def content_digest(self) -> str:
        """The given digest, else one over values, title and centre."""
        return self.digest or digest_of(self.values, [self.title, str(self.centre)])

    @cached_property
    def _range(self) -> tuple[float, float]:
        finite = self.values[np.isfinite(self.values)]
        low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
        if self.centre is not None:
            reach = max(high - self.centre, self.centre - low)
            low, high = self.centre - reach, self.centre + reach
        return (low, high) if high > low else (low - 0.5, low + 0.5)


Colours = Categories | Values


def digest_of(numbers: NDArray, words: Sequence[str]) -> str:
    """A short digest of an array and some texts."""
    found = hashlib.blake2b(np.ascontiguousarray(numbers).data, digest_size=12)
    found.update(f"{numbers.dtype} {numbers.shape}".encode())
    for word in words:
        found.update(f"\0{word}".encode())
    return found.hexdigest()
