"""The whole Gauss-Newton matrix of the mean loss, (1/n) Σ_i J_iᵀ (∇²_z ℓ_i) J_i + l2 I, in float64.

For models that are linear in their weights (logistic, softmax, ridge regression) it is the Hessian itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from disgorge_core.curvature.records import Single
from disgorge_core.curvature.sites import Capture, Site, capture
from disgorge_core.errors import NotApplicable

DAMPING = 0.1  # of the mean eigenvalue, for networks with hidden layers
TINY = 1e-9  # the same for models linear in their weights without L2: logits have a free constant
Batches = Iterable[tuple[Tensor, Tensor]]


@dataclass(frozen=True, eq=False)
class Dense:
    """The full matrix H with its Cholesky factor; `solve`, `sample`, `whiten` use H plus damping."""

    sites: Sequence[Site]
    matrix: Tensor  # (d, d) float64, with L2, without damping
    factor: Tensor  # lower triangle L of H + damping = L Lᵀ
    part: str
    passes: float
    kind: str = "dense"

    def multiply(self, vector: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """(H + damping) v."""
        return self._unflat(self.factor @ (self.factor.T @ self._flat(vector)), vector)

    def solve(self, vector: Mapping[str, Tensor], kept: bool = False) -> dict[str, Tensor]:
        """(H + damping)⁻¹ v; every coordinate is kept."""
        flat = torch.cholesky_solve(self._flat(vector)[:, None], self.factor)[:, 0]
        return self._unflat(flat, vector)

    def sample(self, generator: torch.Generator) -> dict[str, Tensor]:
        """One draw from N(0, (H + damping)⁻¹)."""
        noise = torch.randn(len(self.factor), 1, generator=generator, dtype=torch.float64)
        drawn = torch.linalg.solve_triangular(self.factor.T, noise, upper=True)[:, 0]
        return self._unflat(drawn, self._like())

    def diagonal(self) -> dict[str, Tensor]:
        """Diagonal of H (with L2, without damping)."""
        return self._unflat(self.matrix.diagonal(), self._like())

    def whiten(self, seen: Capture, slope: Tensor) -> Tensor:
        """Features (n, d) of per-sample gradients whose inner products are gᵀ (H + damping)⁻¹ g'."""
        each = flat_gradients(self.sites, seen, slope)
        return torch.linalg.solve_triangular(self.factor, each.T, upper=False).T.to(slope.dtype)

    def _flat(self, vector: Mapping[str, Tensor]) -> Tensor:
        return torch.cat([site.matrix(vector).flatten().double() for site in self.sites])

    def _unflat(self, flat: Tensor, like: Mapping[str, Tensor]) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        start = 0
        for site in self.sites:
            shape = site.matrix(like).shape
            part = flat[start : start + shape.numel()].reshape(shape)
            found |= {k: v.to(like[k].dtype) for k, v in site.vector(part).items()}
            start += shape.numel()
        return found

    def _like(self) -> dict[str, Tensor]:
        return {n: p.detach() for site in self.sites for n, p in site.parameters.items()}


def flat_gradients(sites: Sequence[Site], seen: Capture, slope: Tensor) -> Tensor:
    """Per-sample gradients (n, d) float64 of Σ_i slope_iᵀ z_i, in the order of the sites."""
    slopes = seen.gradients(slope)
    each = [s.each_matrix(seen.inputs[s.name], slopes[s.name]).flatten(1) for s in sites]
    return torch.cat(each, 1).double()


def fit_dense(
    one: Single,
    batches: Callable[[], Batches],
    *,
    n: int,
    l2: float,
    damping: float | None,
    part: str,
    linear: bool,
    seed: int = 0,
) -> Dense:
    """One pass over the batches; raises NotApplicable where the damped matrix is singular."""
    generator = torch.Generator().manual_seed(seed)
    total: Tensor | float = 0.0
    for x, _ in batches():
        seen = capture(one.network, one.sites, x)
        columns = one.loss.columns(seen.logits.detach(), generator)
        total = total + (_of_linear if _lone(one, seen) else _of_any)(one, seen, columns)
    assert isinstance(total, Tensor)
    matrix = total / n + l2 * torch.eye(len(total), dtype=torch.float64)
    rule = _rule(linear, l2) if damping is None else damping
    shift = rule * float(total.diagonal().mean() / n)
    return Dense(one.sites, matrix, _cholesky(matrix, shift), part, float(n))


def _lone(one: Single, seen: Capture) -> bool:
    site = one.sites[0]
    alone = len(one.sites) == 1 and isinstance(site.module, nn.Linear)
    return alone and seen.outputs[site.name].ndim == 2


def _rule(linear: bool, l2: float) -> float:
    if not linear:
        return DAMPING
    return 0.0 if l2 > 0 else TINY


def _of_linear(one: Single, seen: Capture, columns: Tensor) -> Tensor:
    """Σ_i S_i ⊗ a_i a_iᵀ for the layer that ends the network, S_i being the Hessian in its outputs."""
    site = one.sites[0]
    slopes = torch.stack([seen.gradients(column)[site.name] for column in columns]).double()
    a = site.taken(seen.inputs[site.name])[:, 0].double()
    hessian = torch.einsum("kno,knp->nop", slopes, slopes)
    outputs, inputs = slopes.shape[2], a.shape[1]
    whole = a.new_zeros(outputs, inputs, outputs, inputs)
    for o in range(outputs):
        for p in range(o + 1):
            whole[o, :, p] = (a * hessian[:, o, p, None]).T @ a
            whole[p, :, o] = whole[o, :, p].T.clone()
    return whole.reshape(outputs * inputs, outputs * inputs)


def _of_any(one: Single, seen: Capture, columns: Tensor) -> Tensor:
    each = [flat_gradients(one.sites, seen, column) for column in columns]
    return sum(g.T @ g for g in each)  # type: ignore[return-value]


def _cholesky(matrix: Tensor, shift: float) -> Tensor:
    damped = matrix + shift * torch.eye(len(matrix), dtype=matrix.dtype)
    factor, failed = torch.linalg.cholesky_ex(damped)
    if failed or not torch.isfinite(factor).all():
        raise NotApplicable(
            "The curvature cannot be inverted: some directions of the weights do not matter.",
            "Use a recipe with L2, or damping above 0.",
        )
    return factor
