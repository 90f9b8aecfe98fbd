"""K-FAC: the Gauss-Newton matrix of each layer as one Kronecker product, so that scores need no gradients.

For a layer with gradients Σ_p g_p a_pᵀ over P positions, H ≈ G ⊗ A with A = E Σ_p a_p a_pᵀ and
G = (1/P) E Σ_p g_p g_pᵀ (Martens & Grosse 2015, arXiv 1503.05671; for convolutions Grosse & Martens 2016,
arXiv 1602.01407, section 3.1). The damping λ is split between the two, (G + √λ/π) ⊗ (A + π√λ) with π² = Ā/Ḡ,
the ratio of their mean eigenvalues (section 6.3), and λ = l2 + δ² ĀḠ: without L2 each factor gets the share δ
of its own mean eigenvalue. The inverse stays a Kronecker product, and the inner product of two records is
that of their inputs times that of their output gradients: nothing of a layer's size is built. Sums over
positions are built up to BUILT weights and above projected to SKETCH numbers (`sketch`). Norms and embeddings
are diagonal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from disgorge_core.curvature.factors import Batches, Inputs, grams, moments, sampled
from disgorge_core.curvature.records import Single
from disgorge_core.curvature.sites import Capture, Site, capture
from disgorge_core.curvature.sketch import Signs, signs_for

# The share δ: by LDS on pictures and texts that no figure is reported of (benchmarks/influence.md).
DAMPING = 0.1
BUILT, SKETCH = 65_536, 4_096
SMALL = 1e-30
Factors = tuple[Tensor, ...]


@dataclass(frozen=True, eq=False)
class Roots:
    """One layer's (H + damping)^(-1/2): left (outputs, outputs) and right (inputs, k), or a scale (1, d)."""

    site: Site
    left: Tensor | None
    right: Tensor
    signs: Signs | None = None

    def whiten(self, a: Tensor, g: Tensor) -> Factors:
        """Whitened gradients (n, d), or two factors of which they are the products."""
        if self.left is None:
            return ((self.site.each_matrix(a, g) * self.right).flatten(1),)
        given = self.site.given(g)
        if given.shape[1] > given.shape[2]:  # more positions than outputs: they are summed first
            white = self.left.mT @ (given.mT @ self.site.taken(a)) @ self.right
            return (white.flatten(1) if self.signs is None else self.signs.built(white),)
        left, right = given @ self.left, self.site.onto(a, self.right)
        if left.shape[1] == 1:
            return left[:, 0], right[:, 0]
        if self.signs is None:
            return ((left.mT @ right).flatten(1),)
        return (self.signs.of(left, right),)


@dataclass(frozen=True, eq=False)
class KFac:
    """Layer-wise Kronecker-factored curvature, for scores only."""

    roots: tuple[Roots, ...]
    part: str
    passes: float
    kind: str = "kfac"

    def whiten(self, seen: Capture, slope: Tensor) -> list[Factors]:
        """For each layer the factors of features with inner products gᵀ (H + damping)⁻¹ g'."""
        slopes = seen.gradients(slope)
        names = [root.site.name for root in self.roots]
        pairs = zip(self.roots, names, strict=True)
        return [root.whiten(seen.inputs[n], slopes[n]) for root, n in pairs]


def kfac_of(
    one: Single,
    batches: Callable[[], Batches],
    *,
    n: int,
    l2: float,
    damping: float,
    part: str,
    seed: int = 0,
) -> KFac:
    """One pass for the factors, and one more where layers are diagonal."""
    columns = one.loss.mixture if sampled(one, n) else one.loss.columns
    generator = torch.Generator().manual_seed(seed)
    outputs, inputs = grams(one, batches(), generator, columns)
    plain = tuple(site for site in one.sites if not site.factored)
    squares = {}
    if plain:
        alone = replace(one, sites=plain)
        found = moments(alone, batches(), [(None, None)] * len(plain), seed, columns)
        squares = {m.site.name: m.values / n for m in found}
    places, rule, roots = _places(one, batches()), Rule(l2, damping), []
    for site in one.sites:
        if site.factored:
            g = outputs[site.name] / (n * places[site.name])
            root = rule.roots(site, g, inputs[site.name], n, generator)
            roots.append(root if places[site.name] == 1 else _sketched(root, generator))
        else:
            roots.append(rule.scale(site, squares[site.name]))
    return KFac(tuple(roots), part, float(n * (2 if plain else 1)))


def _places(one: Single, batches: Batches) -> dict[str, int]:
    """Positions of each factored layer's outputs."""
    x, _ = next(iter(batches))
    seen = capture(one.network, one.sites, x[:1])
    return {s.name: s.given(seen.outputs[s.name]).shape[1] for s in one.sites if s.factored}


def _sketched(root: Roots, generator: torch.Generator) -> Roots:
    """With directions to project on, where a sum over positions is too large to build."""
    assert root.left is not None
    outputs, inputs = root.left.shape[1], root.right.shape[1]
    if outputs * inputs <= BUILT:
        return root
    return replace(root, signs=signs_for(outputs, inputs, SKETCH, generator, like=root.left))


@dataclass(frozen=True)
class Rule:
    """L2 and the share δ: what is added to factors before they are inverted."""

    l2: float
    damping: float

    def roots(
        self, site: Site, g: Tensor, taken: Inputs, n: int, generator: torch.Generator
    ) -> Roots:
        """Inverse roots of G + √λ/π and A + π√λ."""
        left, right = torch.linalg.eigh(g)[1], taken.basis(generator)
        on_left = torch.einsum("ok,op,pk->k", left, g, left).clamp(min=0)
        on_right = taken.along(right) / n
        mean_left, mean_right = (v.mean().clamp(min=SMALL) for v in (on_left, on_right))
        root = (self.l2 + self.damping**2 * mean_left * mean_right).sqrt()
        ratio = (mean_right / mean_left).sqrt()
        left = left * (on_left + root / ratio).rsqrt()
        return Roots(site, left, right * (on_right + root * ratio).rsqrt())

    def scale(self, site: Site, squares: Tensor) -> Roots:
        """Inverse roots of a diagonal."""
        shift = self.l2 + self.damping * squares.mean().clamp(min=SMALL)
        return Roots(site, None, (squares + shift).rsqrt())
