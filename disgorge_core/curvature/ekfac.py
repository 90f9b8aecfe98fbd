"""EK-FAC: the Gauss-Newton matrix of each layer, diagonal in the eigenbasis of its Kronecker factors.

For a layer with gradients Σ_p g_p a_pᵀ: A = E Σ_p a_p a_pᵀ = U_A · U_Aᵀ, G = E Σ_p g_p g_pᵀ = U_G · U_Gᵀ, and
H ≈ (U_G ⊗ U_A) diag(Λ) (U_G ⊗ U_A)ᵀ with Λ_kl = E[(U_Gᵀ g aᵀ U_A)²_kl], the best diagonal in that basis
(George et al. 2018, arXiv 1806.03884, eq. 9). The gradients are those of the Gauss-Newton matrix
(`Loss.columns`), not of the labels. Norms, embeddings and grouped convolutions are diagonal in their own
weights. Layers are treated as independent, which is the approximation. Inverses are damped by a tenth of
each layer's mean eigenvalue, a fixed rule that needs no tuning.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from disgorge_core.curvature.records import Single
from disgorge_core.curvature.sites import Capture, Site, capture

DAMPING = 0.1  # of a layer's mean eigenvalue
Batches = Iterable[tuple[Tensor, Tensor]]


@dataclass(frozen=True, eq=False)
class Block:
    """One layer's curvature: orthogonal bases (None: the weights themselves), eigenvalues, damping.

    `kept` are the coordinates (row numbers, column numbers) of the basis that scores are made of.
    """

    site: Site
    left: Tensor | None
    right: Tensor | None
    values: Tensor  # (outputs, inputs): diagonal of the Gauss-Newton matrix in the basis
    plain: Tensor  # (outputs, inputs): its diagonal in the weights themselves, exact
    shift: float  # L2 + damping
    kept: tuple[Tensor, Tensor]

    def turned(self, matrix: Tensor) -> Tensor:
        """A matrix of weights in the basis."""
        if self.left is None or self.right is None:
            return matrix
        return self.left.T @ matrix @ self.right

    def back(self, matrix: Tensor) -> Tensor:
        """The inverse of `turned`."""
        if self.left is None or self.right is None:
            return matrix
        return self.left @ matrix @ self.right.T

    def filtered(self, matrix: Tensor, by: Tensor) -> Tensor:
        """Multiply by a function of the curvature, given on its eigenvalues."""
        return self.back(self.turned(matrix) * by)

    def whiten(self, a: Tensor, g: Tensor) -> Tensor:
        """Kept coordinates (n, kept) of per-sample gradients times (Λ + shift)^(-1/2)."""
        rows, columns = self.kept
        scale = (self.values[rows, columns] + self.shift).rsqrt()
        if not self.site.factored:
            return self.site.each_matrix(a, g)[:, rows, columns] * scale
        lone, p = self.site.positions(a, g)
        assert self.left is not None and self.right is not None
        used_rows, rows = rows.unique(return_inverse=True)
        used_columns, columns = columns.unique(return_inverse=True)
        left, right = lone @ self.left[:, used_rows], p @ self.right[:, used_columns]
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
        return self._each(vector, lambda b: b.values + b.shift)

    def solve(self, vector: Mapping[str, Tensor], kept: bool = False) -> dict[str, Tensor]:
        """(H + damping)⁻¹ v; `kept` restricts it to the coordinates that scores are made of."""
        return self._each(vector, _inverse_on_kept if kept else lambda b: 1 / (b.values + b.shift))

    def sample(self, generator: torch.Generator) -> dict[str, Tensor]:
        """One draw from N(0, (H + damping)⁻¹)."""
        found: dict[str, Tensor] = {}
        for block in self.blocks:
            like = block.values
            noise = torch.randn(like.shape, generator=generator, dtype=like.dtype)
            found |= block.site.vector(block.back(noise * (like + block.shift).rsqrt()))
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
        self, vector: Mapping[str, Tensor], by: Callable[[Block], Tensor]
    ) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for block in self.blocks:
            found |= block.site.vector(block.filtered(block.site.matrix(vector), by(block)))
        return found


def _inverse_on_kept(block: Block) -> Tensor:
    inverse = torch.zeros_like(block.values)
    inverse[block.kept] = 1 / (block.values[block.kept] + block.shift)
    return inverse


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
    """Two passes over the batches: the factors' eigenvectors, then the eigenvalues in their basis."""
    bases = _bases(one, batches(), seed)
    values, plain = _second_moments(one, batches(), bases, seed)
    rule = DAMPING if damping is None else damping
    shifts = [l2 + rule * float(values[site.name].mean() / n) for site in one.sites]
    kept = _largest([values[site.name] / n for site in one.sites], shifts, coordinates)
    blocks = tuple(
        Block(site, *bases[site.name], values[site.name] / n, plain[site.name] / n, shift, where)
        for site, shift, where in zip(one.sites, shifts, kept, strict=True)
    )
    return EkFac(blocks, l2, part, 2.0 * n)


Bases = dict[str, tuple[Tensor | None, Tensor | None]]


def _bases(one: Single, batches: Batches, seed: int) -> Bases:
    """Eigenvectors (outputs, outputs) and (inputs, inputs) of the two Kronecker factors."""
    factored = [site for site in one.sites if site.factored]
    sums: dict[str, list[Tensor | float]] = {site.name: [0.0, 0.0] for site in factored}
    generator = torch.Generator().manual_seed(seed)
    for x, _ in batches:
        seen = capture(one.network, one.sites, x)
        for k, column in enumerate(one.loss.columns(seen.logits.detach(), generator)):
            slopes = seen.gradients(column)
            for site in factored:
                left, right = site.positions(seen.inputs[site.name], slopes[site.name])
                sums[site.name][0] += _gram(left)
                sums[site.name][1] += _gram(right) if k == 0 else 0.0
    bases: Bases = {site.name: (None, None) for site in one.sites}
    for name, (g, a) in sums.items():
        bases[name] = (torch.linalg.eigh(g)[1], torch.linalg.eigh(a)[1])
    return bases


def _gram(factor: Tensor) -> Tensor:
    flat = factor.flatten(0, 1)
    return flat.T @ flat


def _second_moments(
    one: Single, batches: Batches, bases: Bases, seed: int
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Sums of squared gradient entries, in the basis and in the weights themselves."""
    shapes = {site.name: site.matrix(_detached(site)) for site in one.sites}
    values = {name: torch.zeros_like(m) for name, m in shapes.items()}
    plain = {name: torch.zeros_like(m) for name, m in shapes.items()}
    generator = torch.Generator().manual_seed(seed)
    for x, _ in batches:
        seen = capture(one.network, one.sites, x)
        for column in one.loss.columns(seen.logits.detach(), generator):
            slopes = seen.gradients(column)
            for site in one.sites:
                turned, own = _squares(
                    site, seen.inputs[site.name], slopes[site.name], bases[site.name]
                )
                values[site.name] += turned
                plain[site.name] += own
    return values, plain


def _detached(site: Site) -> dict[str, Tensor]:
    return {name: p.detach() for name, p in site.parameters.items()}


def _squares(
    site: Site, a: Tensor, g: Tensor, basis: tuple[Tensor | None, Tensor | None]
) -> tuple[Tensor, Tensor]:
    left, right = basis
    if left is None or right is None:
        own = site.each_matrix(a, g).square().sum(0)
        return own, own
    out, into = site.positions(a, g)
    if out.shape[1] == 1:  # a plain linear layer: (g aᵀ)² = g² (a²)ᵀ, so nothing is built
        out, into = out[:, 0], into[:, 0]
        turned = (out @ left).square().T @ (into @ right).square()
        return turned, out.square().T @ into.square()
    own = out.mT @ into
    return (left.T @ own @ right).square().sum(0), own.square().sum(0)


def _largest(values: list[Tensor], shifts: list[float], count: int) -> list[tuple[Tensor, Tensor]]:
    """The coordinates with the largest Λ / (Λ + shift) over all layers: those that scores rest on."""
    share = torch.cat([(v / (v + s)).flatten() for v, s in zip(values, shifts, strict=True)])
    chosen = torch.zeros(len(share), dtype=torch.bool)
    chosen[share.nan_to_num().topk(min(count, len(share))).indices] = True
    parts = chosen.split([v.numel() for v in values])
    where = [p.reshape(v.shape).nonzero(as_tuple=True) for p, v in zip(parts, values, strict=True)]
    return [(rows, columns) for rows, columns in where]


def total_coordinates(one: Single) -> int:
    """How many coordinates the whole network has."""
    return sum(math.prod(p.shape) for site in one.sites for p in site.parameters.values())
