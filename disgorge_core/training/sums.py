"""The sums that a linear model in closed form is made from, kept in blocks so that records can leave.

A record is the vector v = [u, one-hot categories] with u = [known values, which values are known, 1,
target]. Each block of records keeps Σ v vᵀ of its own. From the sum over blocks follow means, standard
deviations, imputation at the mean, and the normal equations, by algebra alone.

Which block a record is in depends on its id. Within a block records are added in order of key, and
what is added for a value or a category does not depend on which other categories there are: the part of
u has a fixed width, categories are summed one by one, and category counts are whole numbers. So a block
computed again without some records has the same bits as if they had never been there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from disgorge_core.data.preprocessing import unscaled
from disgorge_core.errors import BadModel, NotApplicable
from disgorge_core.training.inputs import Inputs
from disgorge_core.training.order import BLOCK, by_key, drawn
from disgorge_core.types import Array, Column, Preprocessing

MEMORY = 256 * 2**20  # bytes that the sums of one model may take
STEADY = (
    1e-6  # a column whose spread is below this share of its mean counts as constant: see `spread`
)


@dataclass(frozen=True)
class Layout:
    """Where the parts of v stand: `numbers` values, whether each is known, a 1, targets, categories."""

    kind: str
    shape: tuple[int, ...]
    columns: tuple[Column, ...]
    targets: int

    @property
    def is_number(self) -> Array:
        """Bool (d,): which network inputs are numbers (pixels too), not categories."""
        if self.kind == "image":
            return np.ones(int(np.prod(self.shape)), dtype=bool)
        parts = [np.full(column.width, column.values is None) for column in self.columns]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=bool)

    @property
    def numbers(self) -> int:
        """How many inputs are numbers."""
        return int(self.is_number.sum())

    @property
    def masks(self) -> int:
        """How many columns say what is known; pixels always are."""
        return 0 if self.kind == "image" else self.numbers

    @property
    def one(self) -> int:
        """Where the constant 1 stands."""
        return self.numbers + self.masks

    @property
    def fixed(self) -> int:
        """Width of u."""
        return self.one + 1 + self.targets

    @property
    def width(self) -> int:
        """Width of v."""
        return self.fixed + len(self.is_number) - self.numbers


def blocks_for(layout: Layout, wanted: int) -> int:
    """Blocks that fit into memory; for pictures fewer than wanted, as their size is fixed in advance.

    Raises BadModel for tables that are too wide, since their width depends on the records.
    """
    room = max(1, MEMORY // (8 * layout.width**2))
    if layout.kind == "image":
        return min(wanted, room)
    if wanted > room:
        raise BadModel(
            f"The sums of {layout.width} columns in {wanted} blocks do not fit into memory.",
            f"Choose at most {room} blocks, or a table with fewer categories.",
        )
    return wanted


def block_of(keys: Array, blocks: int) -> Array:
    """Block numbers of records; they depend on the ids only."""
    return (drawn(keys, BLOCK) % np.uint64(blocks)).astype(np.int64)


def sums(inputs: Inputs, layout: Layout, rows: Array, blocks: int, which: Sequence[int]) -> Array:
    """Σ v vᵀ over the rows of each block in `which`: (len(which), width, width) float64."""
    rows = by_key(inputs.keys, rows)
    block = block_of(inputs.keys[rows], blocks)
    parts = [_block_sum(inputs, layout, rows[block == number]) for number in which]
    return np.stack(parts) if parts else np.zeros((0, layout.width, layout.width))


def _block_sum(inputs: Inputs, layout: Layout, rows: Array) -> Array:
    raw = np.asarray(inputs.raw[rows], dtype=np.float64)
    raw = raw.reshape(len(rows), len(layout.is_number))
    u = _fixed_part(raw[:, layout.is_number], inputs.y[rows], layout)
    categories = np.ascontiguousarray(raw[:, ~layout.is_number])
    total, cut = np.empty((layout.width, layout.width)), layout.fixed
    total[:cut, :cut] = u.T @ u
    for place, category in enumerate(categories.T):
        total[cut + place, :cut] = u[category == 1].sum(0)
    total[:cut, cut:] = total[cut:, :cut].T
    total[cut:, cut:] = categories.T @ categories
    return total


def _fixed_part(numbers: Array, y: Array, layout: Layout) -> Array:
    known = ~np.isnan(numbers)
    target = y[:, None] if layout.targets == 1 else y[:, None] == np.arange(layout.targets)
    masks = known[:, : layout.masks]
    one = np.ones((len(y), 1))
    return np.concatenate(
        [np.where(known, numbers, 0.0), masks, one, target], axis=1, dtype=np.float64
    )


def reduced(gram: Array) -> Array:
    """The sum over blocks, in fixed order."""
    total = np.zeros(gram.shape[1:])
    for block in gram:
        total += block
    return total


def without_unseen(gram: Array, layout: Layout) -> tuple[Array, Layout]:
    """Sums and layout without the categories that no record holds any more."""
    held = reduced(gram)[layout.one] != 0
    held[: layout.fixed] = True
    occurs, place, columns = held[layout.fixed :], 0, []
    for column in layout.columns:
        if column.values is not None:
            here = occurs[place : place + column.width]
            place += column.width
            column = Column(
                column.name, tuple(v for v, yes in zip(column.values, here, strict=True) if yes)
            )
        columns.append(column)
    gram = np.ascontiguousarray(gram[:, held][:, :, held])
    return gram, Layout(layout.kind, layout.shape, tuple(columns), layout.targets)


def preprocessing_of(total: Array, layout: Layout, scaling: str = "standard") -> Preprocessing:
    """Mean and spread of what is known: of each channel of pictures, of each column of tables.

    Raises NotApplicable for a scaling by least and largest value, which sums do not hold.
    """
    if scaling == "range":
        raise NotApplicable("Sums do not hold the range of a column.", "Use another scaling.")
    numbers = layout.is_number
    value = np.concatenate([np.arange(layout.numbers), np.arange(layout.fixed, layout.width)])
    place = np.empty(len(numbers), dtype=np.int64)
    place[np.concatenate([np.flatnonzero(numbers), np.flatnonzero(~numbers)])] = value
    known = np.full(len(numbers), layout.one)
    if layout.masks:
        known[numbers] = layout.numbers + np.arange(layout.numbers)
    count, first, second = total[known, known], total[place, known], total[place, place]
    if layout.kind == "image":
        channels = layout.shape[0]
        count, first, second = (z.reshape(channels, -1).sum(1) for z in (count, first, second))
    mean = first / np.maximum(count, 1)
    scale = 1 / spread(mean, second, count)
    if layout.kind == "table":
        fixed = unscaled(layout.columns, scaling)
        mean, scale = np.where(fixed, 0.0, mean), np.where(fixed, 1.0, scale)
    return Preprocessing(layout.kind, mean, scale, layout.columns, scaling=scaling)


def spread(mean: Array, second: Array, count: Array) -> Array:
    """Standard deviations from Σ x² and the mean; 1 for columns that do not vary.

    Σ x² - n mean² loses (mean / spread)² in precision: below STEADY nothing of the spread is left.
    """
    variance = np.maximum(second / np.maximum(count, 1) - mean**2, 0.0)
    std = np.sqrt(variance)
    return np.where(std > STEADY * np.abs(mean), np.where(std > 0, std, 1.0), 1.0)


def normal(total: Array, layout: Layout, p: Preprocessing) -> tuple[Array, Array]:
    """Σ [z, 1] [z, 1]ᵀ (d+1, d+1) and Σ [z, 1] targetᵀ (d+1, c) of the preprocessed inputs z."""
    change = _change(layout, p)
    left = change @ total
    return left @ change.T, left[:, layout.one + 1 : layout.fixed]


def _change(layout: Layout, p: Preprocessing) -> Array:
    """The matrix (d+1, width) with [z, 1] = matrix @ v: values minus shift where known, times scale."""
    numbers = layout.is_number
    repeat = len(numbers) // max(1, len(p.shift)) if layout.kind == "image" else 1
    shift, scale = np.repeat(p.shift, repeat), np.repeat(p.scale, repeat)
    change = np.zeros((len(numbers) + 1, layout.width))
    change[-1, layout.one] = 1
    rows, others = np.flatnonzero(numbers), np.flatnonzero(~numbers)
    known = layout.numbers + np.arange(layout.masks) if layout.masks else layout.one
    change[rows, np.arange(len(rows))] = scale[rows]
    change[rows, known] = -(scale * shift)[rows]
    change[others, layout.fixed + np.arange(len(others))] = scale[others]
    change[others, layout.one] = -(scale * shift)[others]
    return change
