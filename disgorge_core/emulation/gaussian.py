"""Draw vectors from a Gaussian for each class, from noisy sums of the records alone.

Formula: for each class the number of its records, their sum, and the sum of z zᵀ (for each class, or over
all of them) give mean and covariance S. What noise of deviation s on a symmetric sum did to the
eigenvalues of S is undone as far as it can be (Benaych-Georges and Nadakuditi 2011, arXiv 0910.2120): λ
becomes (λ + √(λ² - 4τ²d)) / 2 with τ = s / (√2 n); those below 2τ√d are noise, and share what is left of the
trace. Then S is drawn towards its mean eigenvalue by OAS (Chen, Wiesel, Eldar and Hero 2010, arXiv
0907.4698, equation 23), so that few records do not make directions without any spread.

Privacy: records are no longer than B, and each is in one class, so adding or removing one moves (√p₁ count,
√p₂ sum / B, √p₃ Σ z zᵀ / B²), p₁ + p₂ + p₃ = 1, by at most 1: N(0, σ²) on every number of it, symmetric
matrices in an orthonormal basis of their own, is one Gaussian of noise multiplier σ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from disgorge_core.types import Array

FEWEST = 2  # records of a class: a mean of one record would be that record
SHARES = (0.1, 0.6, 0.3)  # of the privacy: counts, sums, products


@dataclass(frozen=True, eq=False)
class Sums:
    """Counts (c,), sums (c, d), and sums of products (c, d, d), or (1, d, d) over all classes.

    `noise` is the deviation of what was added to a product, in the basis of symmetric matrices.
    """

    counts: Array
    sums: Array
    products: Array
    noise: float = 0.0


def sums_of(z: Array, y: Array, classes: int, *, shared: bool) -> Sums:
    """Sums of the vectors z (n, d) of each class y (n,)."""
    own = [z[y == c] for c in range(classes)]
    products = [z.T @ z] if shared else [part.T @ part for part in own]
    counts = np.array([float(len(part)) for part in own])
    return Sums(counts, np.stack([part.sum(0) for part in own]), np.stack(products))


def clipped(z: Array, length: float) -> Array:
    """The vectors, none longer than `length`."""
    own = np.linalg.norm(z, axis=1, keepdims=True)
    return np.asarray(z * np.minimum(1.0, length / np.maximum(own, np.finfo(float).tiny)))


def released(found: Sums, length: float, sigma: float, draw: np.random.Generator) -> Sums:
    """The sums with noise of multiplier σ, for records no longer than `length`."""
    count, sums, products = (
        sigma * length**power / np.sqrt(share) for power, share in enumerate(SHARES)
    )
    free = draw.normal(0, products, found.products.shape)
    return Sums(
        found.counts + draw.normal(0, count, found.counts.shape),
        found.sums + draw.normal(0, sums, found.sums.shape),
        found.products + (free + free.transpose(0, 2, 1)) / 2,
        float(products),
    )


def drawn(found: Sums, times: float, draw: np.random.Generator) -> tuple[Array, Array]:
    """Vectors (m, d) and their classes (m,): as many of each as it had records, `times` over."""
    d = found.sums.shape[1]
    held = [c for c, n in enumerate(found.counts) if round(n) >= FEWEST]
    means = found.sums / np.maximum(1.0, found.counts)[:, None]
    roots = _roots(found, means, held)
    z, y = [np.zeros((0, d))], [np.zeros(0, dtype=np.int64)]
    for c in held:
        count = max(FEWEST, round(times * found.counts[c]))
        root = roots[0 if len(found.products) == 1 else c]
        z.append(means[c] + draw.normal(size=(count, d)) @ root)
        y.append(np.full(count, c))
    return np.concatenate(z), np.concatenate(y)


def _roots(found: Sums, means: Array, held: list[int]) -> dict[int, Array]:
    """Square roots (d, d) of the covariance of each class, or of all as number 0."""
    if len(found.products) > 1:
        outer = {c: found.counts[c] * np.outer(means[c], means[c]) for c in held}
        return {
            c: _root(found.products[c] - outer[c], float(found.counts[c]), found.noise)
            for c in held
        }
    total = float(found.counts[held].sum())
    between = np.einsum("c,ci,cj->ij", found.counts[held], means[held], means[held])
    return {0: _root(found.products[0] - between, total, found.noise)} if held else {}


def _root(scatter: Array, n: float, noise: float) -> Array:
    values, vectors = np.linalg.eigh(scatter / n)
    values = shrunk(denoised(values, noise / (np.sqrt(2) * n)), n)
    return np.asarray((vectors * np.sqrt(values)) @ vectors.T)


def denoised(values: Array, tau: float) -> Array:
    """Eigenvalues (d,) as they were before symmetric noise of deviation τ off the diagonal; none below 0."""
    edge = 2 * tau * np.sqrt(len(values))
    sure = values > edge
    before = (values + np.sqrt(np.maximum(0.0, values**2 - edge**2))) / 2
    rest = max(0.0, values.sum() - before[sure].sum()) / max(1, int((~sure).sum()))
    return np.where(sure, before, rest)


def shrunk(values: Array, n: float) -> Array:
    """Eigenvalues (d,) of a covariance of n records, drawn towards their mean by OAS."""
    d, trace, square = len(values), values.sum(), (values**2).sum()
    over = (n + 1 - 2 / d) * (square - trace**2 / d)
    weight = 1.0 if over <= 0 else min(1.0, ((1 - 2 / d) * square + trace**2) / over)
    return np.asarray((1 - weight) * values + weight * trace / d)
