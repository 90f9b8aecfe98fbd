"""How much noise is how much privacy: ε for a δ, by two accountants each.

Neighbours differ by one record that is added or removed. A mechanism is (noise multiplier σ, sampling rate
q, steps T): T sums of clipped records, each record in a sum with probability q, with N(0, σ²) on what one
record can change. `epsilon` states Rényi differential privacy (Mironov, Talwar and Zhang 2019, arXiv
1908.10530) with the conversion of Balle et al. 2020; `second` composes the privacy loss itself by Fourier
transform (Gopi, Lee and Wutschitz 2021, arXiv 2106.02848): both from Opacus. One Gaussian, and any number
of Gaussians without sampling, is exact: δ(ε) = Φ(μ/2 - ε/μ) - e^ε Φ(-μ/2 - ε/μ) (Balle and Wang 2018,
Theorem 8) with μ = sensitivity / noise, and μ² adds up (Dong, Roth and Su 2019, Corollary 3.3).

Numbers of torch's generator, in floating point, stand in for true noise; and who knows the seed knows the
noise.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from functools import cache
from statistics import NormalDist

import numpy as np

from disgorge_core.errors import BadParam

Mechanism = tuple[float, float, int]  # noise multiplier, sampling rate, steps
MOST_NOISE = 1e4
STEPS_OF_SEARCH = 60
ORDERS = [1.1, 1.25, 1.5, 1.75, 2.25, 2.5, 3.5, 4.5, *range(2, 65), *(2**k for k in range(7, 12))]


@cache
def epsilon(mechanisms: tuple[Mechanism, ...], delta: float) -> float:
    """ε of all mechanisms together, by Rényi differential privacy: an upper bound."""
    from opacus.accountants.analysis import rdp

    spent = sum(
        rdp.compute_rdp(q=q, noise_multiplier=sigma, steps=steps, orders=ORDERS)
        for sigma, q, steps in mechanisms
    )
    with warnings.catch_warnings():  # an order at the edge of the list: still a bound
        warnings.filterwarnings("ignore", "Optimal order", UserWarning)
        return float(rdp.get_privacy_spent(orders=ORDERS, rdp=spent, delta=delta)[0])


@cache
def second(mechanisms: tuple[Mechanism, ...], delta: float) -> float:
    """ε of all mechanisms together, by numerical composition: closer, and independent of the first."""
    from opacus.accountants import PRVAccountant

    accountant = PRVAccountant()
    accountant.history = list(mechanisms)
    with warnings.catch_warnings(), np.errstate(divide="ignore"):  # log 0 of steps without sampling
        warnings.filterwarnings("ignore", "Optimal order", UserWarning)
        return float(accountant.get_epsilon(delta=delta, eps_error=0.01))


@cache
def noise_for(
    target: float, delta: float, rate: float, steps: int, before: tuple[Mechanism, ...]
) -> float:
    """Least noise multiplier (within 0.5 %) for which the steps, after what came `before`, stay within ε."""

    def spent(sigma: float) -> float:
        return epsilon((*before, (sigma, rate, steps)), delta)

    if before and epsilon(before, delta) >= target:
        raise BadParam(
            f"Reading the records alone spends more than ε = {target:g}.",
            "Raise ε, or the noise of reading.",
        )
    low, high = 0.05, 1.0
    while spent(high) > target:
        low, high = high, 2 * high
        if high > MOST_NOISE:
            raise BadParam(
                f"No noise keeps {steps:,} steps within ε = {target:g}.",
                "Raise ε, or take fewer epochs.",
            )
    while high / low > 1.005:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if spent(middle) > target else (low, middle)
    return high


# --- Gaussians without sampling: exact ------------------------------------------------------------


def delta_of(mu: float, eps: float) -> float:
    """δ of a Gaussian whose mean a record moves by μ standard deviations, at ε."""
    normal = NormalDist()
    return normal.cdf(mu / 2 - eps / mu) - math.exp(eps) * normal.cdf(-mu / 2 - eps / mu)


def gaussian_epsilon(mu: float, delta: float) -> float:
    """ε of a Gaussian with μ, for a δ: 0 where even that holds."""
    if delta_of(mu, 0.0) <= delta:
        return 0.0
    return _crossing(lambda eps: delta_of(mu, eps) <= delta, 0.0, mu * mu / 2 + 40 * mu)


def gaussian_mu(target: float, delta: float) -> float:
    """Largest μ for which a Gaussian is (ε, δ)."""
    return _crossing(lambda mu: delta_of(mu, target) > delta, 1e-9, 100.0, below=True)


def _crossing(
    beyond: Callable[[float], bool], low: float, high: float, *, below: bool = False
) -> float:
    """Where a condition turns true, by halving; from the side where it does not hold if `below`."""
    for _ in range(STEPS_OF_SEARCH):
        middle = (low + high) / 2
        low, high = (low, middle) if beyond(middle) else (middle, high)
    return low if below else high


def renyi_of_gaussians(mu: float, delta: float) -> float:
    """ε of Gaussians with μ in all, by Rényi differential privacy: min over α of αμ²/2 + log(1/δ)/(α - 1).

    At its least, α = 1 + √(2 log(1/δ)) / μ, it is μ²/2 + μ √(2 log(1/δ)).
    """
    return mu * mu / 2 + mu * math.sqrt(2 * math.log(1 / delta))
