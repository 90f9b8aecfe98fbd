from __future__ import annotations

import math

import numpy as np
import pytest

from disgorge_core.errors import BadParam
from disgorge_core.privacy.accountant import (
    delta_of,
    epsilon,
    gaussian_epsilon,
    gaussian_mu,
    noise_for,
    renyi_of_gaussians,
    second,
)

# (σ, q, T, δ) and the published ε: Abadi et al. 2016, §5.1 (1.26 at 100 epochs of q = 0.01); Bu et al. 2020,
# figure 4 (the moments accountant on MNIST, batches of 256, 20 epochs).
PUBLISHED = [
    (4.0, 0.01, 10_000, 1e-5, 1.26),
    (1.3, 256 / 60_000, 20 * 60_000 // 256, 1e-5, 1.34),
]
SETTINGS = [
    *(row[:4] for row in PUBLISHED), (0.7, 256 / 60_000, 70 * 60_000 // 256, 1e-5),
    (1.0, 0.05, 500, 1e-5), (3.89, 0.256, 120, 1e-4),
]  # fmt: skip


def moments(sigma: float, q: float, steps: int, delta: float) -> float:
    """Whole orders and the conversion of 2016, written out: Mironov, Talwar and Zhang 2019, equation 30."""
    found = []
    for a in range(2, 65):
        k = np.arange(a + 1)
        choose = [math.lgamma(a + 1) - math.lgamma(i + 1) - math.lgamma(a - i + 1) for i in k]
        logs = choose + (a - k) * math.log1p(-q) + k * math.log(q) + (k * k - k) / (2 * sigma**2)
        rdp = np.logaddexp.reduce(logs) / (a - 1)
        found.append(steps * rdp + math.log(1 / delta) / (a - 1))
    return min(found)


@pytest.mark.parametrize(("sigma", "q", "steps", "delta", "published"), PUBLISHED)
def test_published_values(sigma, q, steps, delta, published):
    """The old conversion gives the published number, ours is below it, by what the conversion gains."""
    old = moments(sigma, q, steps, delta)
    assert old == pytest.approx(published, rel=0.01)
    assert 0.8 * published < epsilon(((sigma, q, steps),), delta) < old


@pytest.mark.parametrize(("sigma", "q", "steps", "delta"), SETTINGS)
def test_two_accountants_agree(sigma, q, steps, delta):
    """The second, which composes exactly, stays below the upper bound of the first, by at most 12 %."""
    first, other = (f(((sigma, q, steps),), delta) for f in (epsilon, second))
    assert 0.88 * first < other < first


@pytest.mark.parametrize("mu", [0.3, 1.0, 3.0])
def test_gaussians_without_sampling_are_exact(mu):
    """Both accountants against δ(ε) itself, integrated over the density."""
    eps = gaussian_epsilon(mu, 1e-5)
    z = np.linspace(-12, 12 + mu, 400_001)
    p, q = (np.exp(-((z - m) ** 2) / 2) / math.sqrt(2 * math.pi) for m in (mu, 0))
    integral = np.maximum(p - math.exp(eps) * q, 0).sum() * (z[1] - z[0])
    assert integral == pytest.approx(1e-5, rel=1e-3) == pytest.approx(delta_of(mu, eps), rel=1e-3)
    assert gaussian_mu(eps, 1e-5) == pytest.approx(mu, rel=1e-4)
    assert second(((1 / mu, 1.0, 1),), 1e-5) == pytest.approx(eps, abs=0.02)
    assert eps < epsilon(((1 / mu, 1.0, 1),), 1e-5) < renyi_of_gaussians(mu, 1e-5)
    four = ((2 / mu, 1.0, 1),) * 4  # μ² adds up: 4 (μ/2)² = μ²
    assert second(four, 1e-5) == pytest.approx(eps, abs=0.03)


def test_renyi_of_gaussians_is_the_least_over_orders():
    mu, delta = 0.7, 1e-4
    orders = np.linspace(1.001, 200, 1_000_000)
    least = (orders * mu**2 / 2 + math.log(1 / delta) / (orders - 1)).min()
    assert renyi_of_gaussians(mu, delta) == pytest.approx(least, rel=1e-6)


def test_noise_for_a_target():
    sigma = noise_for(2.0, 1e-5, 0.05, 200, ())
    assert 1.99 < epsilon(((sigma, 0.05, 200),), 1e-5) <= 2.0
    more = noise_for(2.0, 1e-5, 0.05, 200, ((5.0, 1.0, 1),))
    assert more > 1.02 * sigma  # what came before is paid for
    with pytest.raises(BadParam, match="Reading the records alone"):
        noise_for(0.5, 1e-5, 0.05, 200, ((1.0, 1.0, 1),))
    with pytest.raises(BadParam, match="fewer epochs"):
        noise_for(0.01, 1e-9, 1.0, 10_000_000, ())
