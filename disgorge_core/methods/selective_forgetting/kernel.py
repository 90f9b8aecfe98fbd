"""Sums over records of a linearised network, and solves with them that stay within the memory.

G (rows, P) has a row S^½ J for each record and output; of it either GᵀG or the kernel GGᵀ is made, whichever
is smaller. Where neither would fit, a sample of the kept records stands for all of them, each of its records
counting for several.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from disgorge_core.errors import NotApplicable
from disgorge_core.methods.contract import Context
from disgorge_core.methods.selective_forgetting.gauss_newton import Piece, learning, pieces
from disgorge_core.training.order import epoch_order
from disgorge_core.types import Array, Progress

WIDEST = 3_000  # rows of a matrix that is inverted (70 MB, four at a time)
NUMBERS = 2**27  # of all derivatives (0.5 GB)
COLUMNS = 4_096


def kept_that_fit(forget: int, keep: int, outputs: int, weights: int) -> int:
    """How many kept records the sums can be made of; 0 where they would be fewer than those of F."""
    if weights <= WIDEST:
        return keep
    room = min(WIDEST, NUMBERS // weights) // outputs - forget
    return min(room, keep) if room >= forget else 0


def sample_of(context: Context) -> Array:
    """Bool (n,): the kept records that the sums are made of, drawn by the seed where not all fit."""
    rows = np.flatnonzero(context.keep)
    outputs = max(1, len(context.model.classes))
    weights = sum(p.numel() for p in learning(context.model).values())
    count = kept_that_fit(int(context.forget.sum()), len(rows), outputs, weights)
    chosen = rows[epoch_order(context.data.keys[rows], context.seed, 0)[:count]]
    return np.isin(np.arange(len(context.data)), chosen)


def in_kernel(rows: int, weights: int) -> bool:
    """Whether GGᵀ is the smaller matrix."""
    return rows < weights


@dataclass(frozen=True, eq=False)
class Sums:
    """Σ Jᵀ∇ℓ (P,), and what Σ JᵀSJ is made of: all rows G (rows, P), or the sum (P, P) itself."""

    slope: Tensor
    rows: Tensor | None
    gram: Tensor  # G Gᵀ (rows, rows), or Gᵀ G (P, P)

    def solve(self, v: Tensor, mu: float) -> Tensor:
        """(GᵀG + μI)⁻¹ v, through the kernel where that is the smaller matrix."""
        matrix = self.gram.clone()
        matrix.diagonal().add_(mu)
        factor, failed = torch.linalg.cholesky_ex(matrix)
        if failed or not torch.isfinite(factor).all():
            raise NotApplicable("The kernel cannot be inverted.", "Use a recipe with L2.")
        if self.rows is None:
            return torch.cholesky_solve(v[:, None], factor)[:, 0]
        inside = torch.cholesky_solve(_times(self.rows, v)[:, None], factor)[:, 0]
        return (v - _times(self.rows.T, inside)) / mu


def gathered(context: Context, sample: Array) -> tuple[Sums, Sums]:
    """The sums over the kept records, of which a sample (n,) is looked at, and over all records."""
    outputs = max(1, len(context.model.classes))
    counts = [outputs * int(mask.sum()) for mask in (sample, context.forget)]
    each = float(context.keep.sum() / sample.sum())  # what a record of the sample counts for
    like = learning(context.model)
    weights = sum(p.numel() for p in like.values())
    if not in_kernel(sum(counts), weights):
        kept, gone = _summed(context, sample, each), _summed(context, context.forget, 1.0)
        return Sums(kept[0], None, kept[1]), Sums(kept[0] + gone[0], None, kept[1] + gone[1])
    rows = torch.empty(sum(counts), weights, dtype=next(iter(like.values())).dtype)
    first = _stored(context, sample, each, rows[: counts[0]])
    slope = first + _stored(context, context.forget, 1.0, rows[counts[0] :])
    gram = _kernel(rows)
    inside = gram[: counts[0], : counts[0]]
    return Sums(first, rows[: counts[0]], inside), Sums(slope, rows, gram)


def _summed(context: Context, mask: Array, each: float) -> tuple[Tensor, Tensor]:
    """Σ Jᵀ∇ℓ (P,) and Σ JᵀSJ (P, P) over some records, times `each`."""
    size = sum(p.numel() for p in learning(context.model).values())
    slope, gram = (torch.zeros(s, dtype=torch.float64) for s in ((size,), (size, size)))
    for piece in _pieces(context, mask):
        rows = piece.rooted().flatten(0, 1).double()
        slope += piece.slopes().double().sum(0)
        gram.addmm_(rows.T, rows)
    return each * slope, gram.mul_(each)


def _stored(context: Context, mask: Array, each: float, place: Tensor) -> Tensor:
    """Σ Jᵀ∇ℓ (P,) over some records times `each`; their rows are written into their place."""
    slope, done = torch.zeros(place.shape[1], dtype=torch.float64), 0
    for piece in _pieces(context, mask):
        rows = piece.rooted().flatten(0, 1)
        place[done : done + len(rows)] = rows * each**0.5
        slope += piece.slopes().double().sum(0)
        done += len(rows)
    return each * slope


def _pieces(context: Context, mask: Array) -> Iterator[Piece]:
    """Derivatives of some records; says how far it is."""
    chosen, done = np.flatnonzero(mask), 0
    for piece in pieces(context.model, context.data.take(chosen), context.data.y[chosen]):
        yield piece
        done += len(piece.targets)
        context.report(Progress(0.5 * done / len(chosen), "linearising the network"))


def _kernel(rows: Tensor) -> Tensor:
    """G Gᵀ in float64, made from a few columns at a time."""
    total = torch.zeros(len(rows), len(rows), dtype=torch.float64)
    for part in rows.split(COLUMNS, 1):
        wide = part.double()
        total.addmm_(wide, wide.T)
    return total


def _times(matrix: Tensor, v: Tensor) -> Tensor:
    """A matrix in few digits times a vector in float64, a few rows at a time."""
    return torch.cat([part.double() @ v for part in matrix.split(COLUMNS)])
