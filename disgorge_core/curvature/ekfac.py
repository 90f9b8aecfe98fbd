"""EK-FAC: the Gauss-Newton matrix of each layer, diagonal in the eigenbasis of its Kronecker factors.

For a layer with gradients Σ_p g_p a_pᵀ: A = E Σ_p a_p a_pᵀ = U_A · U_Aᵀ, G = E Σ_p g_p g_pᵀ = U_G · U_Gᵀ, and
H ≈ (U_G ⊗ U_A) diag(Λ) (U_G ⊗ U_A)ᵀ with Λ_kl = E[(U_Gᵀ g aᵀ U_A)²_kl], the best diagonal in that basis
(George et al. 2018, arXiv 1806.03884, eq. 9). The gradients are those of the Gauss-Newton matrix
(`Loss.columns`), not of the labels. Norms, embeddings and grouped convolutions are diagonal in their own
weights. Of many words the leading directions are kept (`words`); outside them each output has one value.
Layers are treated as independent, which is the approximation. Inverses are damped by a tenth of each
layer's mean eigenvalue, a fixed rule that needs no tuning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from disgorge_core.curvature.factors import Batches, bases, moments, sampled
from disgorge_core.curvature.records import Single
from disgorge_core.curvature.sites import Capture, Site

DAMPING = 0.1  # of a layer's mean eigenvalue


@dataclass(frozen=True, eq=False)
class Block:
    """One layer's curvature: orthogonal bases (None: the weights themselves), eigenvalues, damping.

    Where the basis of the inputs is only a part of theirs, `rest` is the curvature outside it. `kept` are
    the coordinates (row numbers, column numbers) of the basis that scores are made of.
    """

    site: Site
    left: Tensor | None
    right: Tensor | None
    values: Tensor  # (outputs, k): diagonal of the Gauss-Newton matrix in the basis
    rest: Tensor | None  # (outputs,)
    plain: Tensor  # (outputs, inputs): its diagonal in the weights themselves, exact
    shift: float  # L2 + damping
    kept: tuple[Tensor, Tensor]

    def filtered(self, matrix: Tensor, by: Callable[[Tensor], Tensor]) -> Tensor:
        """Multiply by a function of the curvature plus damping."""
        if self.left is None or self.right is None:
            return matrix * by(self.values + self.shift)
        turned = self.left.T @ matrix
        inside = turned @ self.right
        found = (inside * by(self.values + self.shift)) @ self.right.T
        if self.rest is not None:
            outside = turned - inside @ self.right.T
            found = found + outside * by(self.rest + self.shift)[:, None]
        return self.left @ found

    def solved_on_kept(self, matrix: Tensor) -> Tensor:
        """The inverse, restricted to the coordinates that scores are made of."""
        inverse = torch.zeros_like(self.values)
        inverse[self.kept] = 1 / (self.values[self.kept] + self.shift)
        if self.left is None or self.right is None:
            return matrix * inverse
        inside = self.left.T @ matrix @ self.right
        return self.left @ (inside * inverse) @ self.right.T

    def whiten(self, a: Tensor, g: Tensor) -> Tensor:
        """Kept coordinates (n, kept) of per-sample gradients times (Λ + shift)^(-1/2)."""
        rows, columns = self.kept
        scale = (self.values[rows, columns] + self.shift).rsqrt()
        if self.left is None or self.right is None:
            return self.site.each_matrix(a, g)[:, rows, columns] * scale
        used_rows, rows = rows.unique(return_inverse=True)
        used_columns, columns = columns.unique(return_inverse=True)
        left = self.site.given(g) @ self.left[:, used_rows]
        right = self.site.onto(a, self.right[:, used_columns])
        if left.shape[1] == 1:
            return left[:, 0, rows] * right[:, 0, columns] * scale
        return (left.mT @ right)[:, rows, columns] * scale


@dataclass(frozen=True, eq=False)
class EkFac:
    """Layer-wise curvature H of the mean loss plus L2; `solve`, `sample`, `whiten` use H plus damping."""

    blocks: tuple[Block, ...]
    l2: float
    part: str
    passes: float
    kind: str = "ekfac"

    def multiply(self, vector: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """(H + damping) v."""
        return self._each(vector, lambda block, matrix: block.filtered(matrix, lambda v: v))

    def solve(self, vector: Mapping[str, Tensor], kept: bool = False) -> dict[str, Tensor]:
        """(H + damping)⁻¹ v; `kept` restricts it to the coordinates that scores are made of."""
        if kept:
            return self._each(vector, Block.solved_on_kept)
        return self._each(vector, lambda block, matrix: block.filtered(matrix, torch.reciprocal))

    def sample(self, generator: torch.Generator) -> dict[str, Tensor]:
        """One draw from N(0, (H + damping)⁻¹)."""
        found: dict[str, Tensor] = {}
        for block in self.blocks:
            like = block.plain
            noise = torch.randn(like.shape, generator=generator, dtype=like.dtype)
            found |= block.site.vector(block.filtered(noise, torch.rsqrt))
        return found

    def diagonal(self) -> dict[str, Tensor]:
        """Diagonal of H (with L2, without damping): exact, also where H itself is approximated."""
        found: dict[str, Tensor] = {}
        for block in self.blocks:
            found |= block.site.vector(block.plain + self.l2)
        return found

    def whiten(self, seen: Capture, slope: Tensor) -> Tensor:
        """Features (n, k) of per-sample gradients whose inner products are gᵀ (H + damping)⁻¹ g'."""
        slopes = seen.gradients(slope)
        names = [block.site.name for block in self.blocks]
        pairs = zip(self.blocks, names, strict=True)
        return torch.cat([b.whiten(seen.inputs[n], slopes[n]) for b, n in pairs], 1)

    def _each(
        self, vector: Mapping[str, Tensor], does: Callable[[Block, Tensor], Tensor]
    ) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for block in self.blocks:
            found |= block.site.vector(does(block, block.site.matrix(vector)))
        return found


def fit_ekfac(
    one: Single,
    batches: Callable[[], Batches],
    *,
    n: int,
    l2: float,
    damping: float | None,
    coordinates: int,
    part: str,
    seed: int = 0,
) -> EkFac:
    """Two passes over the batches: the factors' eigenvectors, then the eigenvalues in their basis.

    `factors` says where columns are sampled; it is seeded, so that the same records give the same.
    """
    few = sampled(one, n)
    columns = one.loss.mixture if few else one.loss.columns
    turned = bases(one, islice(batches(), 0, None, 2 if few else 1), seed, columns)
    found = moments(one, batches(), turned, seed + int(few), columns)
    rule = DAMPING if damping is None else damping
    shifts = [l2 + rule * float(m.values.mean() / n) for m in found]
    kept = _largest([m.values / n for m in found], shifts, coordinates)
    blocks = tuple(
        Block(m.site, *m.basis, m.values / n, _over(m.rest(), n), m.plain / n, shift, where)
        for m, shift, where in zip(found, shifts, kept, strict=True)
    )
    return EkFac(blocks, l2, part, (1.5 if few else 2.0) * n)


def _over(total: Tensor | None, n: int) -> Tensor | None:
    return None if total is None else total / n


def _largest(values: list[Tensor], shifts: list[float], count: int) -> list[tuple[Tensor, Tensor]]:
    """The coordinates with the largest Λ / (Λ + shift) over all layers: those that scores rest on."""
    share = torch.cat([(v / (v + s)).flatten() for v, s in zip(values, shifts, strict=True)])
    chosen = torch.zeros(len(share), dtype=torch.bool)
    chosen[share.nan_to_num().topk(min(count, len(share))).indices] = True
    parts = chosen.split([v.numel() for v in values])
    where = [p.reshape(v.shape).nonzero(as_tuple=True) for p, v in zip(parts, values, strict=True)]
    return [(rows, columns) for rows, columns in where]
