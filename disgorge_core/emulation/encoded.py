"""Raw records as vectors, and back: pictures and tables.

What the vectors mean (categories, ranges) is read off the records that are encoded, and off no others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from disgorge_core.data.preprocessing import columns_of, encode_table
from disgorge_core.types import Array, Column


@dataclass(frozen=True, eq=False)
class Space:
    """Vectors (n, d): pixels from 0 to 1, or numbers and one-hot categories of a table."""

    kind: str
    shape: tuple[int, ...] = ()
    columns: tuple[Column, ...] = ()
    types: tuple[str, ...] = ()  # of the table's columns

    def encode(self, x: Any) -> Array:
        """Vectors (n, d) float64; a missing number is the mean of the known ones, else 0."""
        if self.kind == "image":
            return np.asarray(x, dtype=np.float64).reshape(len(x), -1) / 255
        z = encode_table(x, self.columns)
        known = np.where(np.isnan(z), 0.0, z).sum(0) / np.maximum(1, (~np.isnan(z)).sum(0))
        return np.where(np.isnan(z), known, z)

    def decode(self, z: Array) -> Any:
        """Raw records: pixels rounded, the likeliest category, none where that is missing itself."""
        if self.kind == "image":
            pixels = np.clip(np.rint(255 * z), 0, 255).astype(np.uint8)
            return pixels.reshape(len(z), *self.shape)
        ends = np.cumsum([column.width for column in self.columns])
        parts = np.split(z, ends[:-1], axis=1) if len(ends) else []
        values = [_column(*given) for given in zip(self.columns, parts, self.types, strict=True)]
        names = [column.name for column in self.columns]
        return pd.DataFrame(dict(zip(names, values, strict=True)), index=range(len(z)))


def space_of(kind: str, x: Any) -> Space:
    """The space of these raw records."""
    if kind == "image":
        return Space("image", tuple(int(s) for s in x.shape[1:]))
    return Space("table", (), columns_of(x), tuple(str(t) for t in x.dtypes))


def _column(column: Column, z: Array, dtype: str) -> Any:
    if column.values is None:
        whole = dtype.lower().startswith(("int", "uint"))
        return np.rint(z[:, 0]) if whole else z[:, 0]
    best = z.argmax(1) if column.width else np.zeros(len(z), dtype=int)
    missing = 1 - z.sum(1) > (z.max(1) if column.width else 0.0)
    known = [None if gone else column.values[k] for k, gone in zip(best, missing, strict=True)]
    return pd.Series(known, dtype="string")
