"""Draw table records from counts of each column alone, class by class.

Formula: P(x | c) = Π_j n_cj(cell of x_j) / Σ n_cj: given the class, columns are independent. The cells of a
number, in units of deviations, are fixed in advance: a quarter wide from -4 to 4, what lies beyond is in the
last ones, and a value is drawn evenly from its cell. Those of a category are its values. What is missing
has a cell of its own.

Privacy: a record is in one class and in one cell of each of C columns, so adding or removing it moves the
counts of the class and of the cells by √(C + 1): N(0, σ² (C + 1)) on every count is one Gaussian of noise
multiplier σ. Counts below 0 stand for none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from disgorge_core.emulation.gaussian import FEWEST
from disgorge_core.types import Array, Column, Preprocessing

EDGES = np.linspace(-4, 4, 33)


@dataclass(frozen=True, eq=False)
class Counts:
    """Records of each class (c,), and for each column the records of each class in each cell (c, cells)."""

    classes: Array
    cells: tuple[Array, ...]


def counts_of(z: Array, y: Array, classes: int, read: Preprocessing) -> Counts:
    """Counts of encoded records z (n, d), whose numbers are (z - shift) * scale in deviations."""
    found = []
    for column, at in zip(read.columns, places(read.columns), strict=True):
        cell, width = _cells(z[:, at], column, read.shift[at], read.scale[at])
        table = np.bincount(y * width + cell, minlength=classes * width)
        found.append(table.reshape(classes, width).astype(np.float64))
    return Counts(np.bincount(y, minlength=classes).astype(np.float64), tuple(found))


def places(columns: Sequence[Column]) -> list[slice]:
    """Where each column stands among the encoded ones."""
    ends = np.cumsum([0, *(column.width for column in columns)]).tolist()
    return [slice(*pair) for pair in pairwise(ends)]


def _cells(z: Array, column: Column, shift: Array, scale: Array) -> tuple[Array, int]:
    """The cell (n,) of each record, and how many there are: the last one is for what is missing."""
    if column.values is not None:
        width = column.width
        return np.where(z.any(1), z.argmax(1) if width else 0, width), width + 1
    width = len(EDGES) - 1
    value = (z[:, 0] - shift[0]) * scale[0]
    cell = np.clip(np.searchsorted(EDGES, value, side="right") - 1, 0, width - 1)
    return np.where(np.isnan(value), width, cell), width + 1


def released(found: Counts, sigma: float, draw: np.random.Generator) -> Counts:
    """The counts with noise of multiplier σ."""
    spread = sigma * np.sqrt(len(found.cells) + 1)
    noisy = [n + draw.normal(0, spread, n.shape) for n in (found.classes, *found.cells)]
    return Counts(noisy[0], tuple(noisy[1:]))


def drawn(
    found: Counts, read: Preprocessing, times: float, draw: np.random.Generator
) -> tuple[Array, Array]:
    """Encoded records (m, d) and their classes (m,): as many of each as it had records, `times` over."""
    parts, y = [np.zeros((0, len(read.shift)))], [np.zeros(0, dtype=np.int64)]
    for c, n in enumerate(found.classes):
        if round(n) < FEWEST:
            continue
        count = max(FEWEST, round(times * n))
        own = [
            _values(cells[c], column, count, read.shift[at], read.scale[at], draw)
            for cells, column, at in zip(
                found.cells, read.columns, places(read.columns), strict=True
            )
        ]
        parts.append(np.concatenate(own, axis=1))
        y.append(np.full(count, c))
    return np.concatenate(parts), np.concatenate(y)


def _values(
    cells: Array, column: Column, count: int, shift: Array, scale: Array, draw: np.random.Generator
) -> Array:
    share = np.maximum(0.0, cells)
    share = share / share.sum() if share.any() else np.full(len(cells), 1 / len(cells))
    cell = draw.choice(len(cells), count, p=share)
    if column.values is not None:
        return np.asarray(cell[:, None] == np.arange(column.width), dtype=np.float64)
    inside = np.minimum(cell, len(EDGES) - 2)
    value = EDGES[inside] + draw.random(count) * (EDGES[1] - EDGES[0])
    return np.where(cell == len(EDGES) - 1, np.nan, value / scale[0] + shift[0])[:, None]
