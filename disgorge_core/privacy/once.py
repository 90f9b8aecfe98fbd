"""One release with Gaussian noise, after inputs were read: the noise that a limit ε leaves for it.

μ of `privacy.accountant` for (ε, δ), less what reading spent, as μ² adds up.
"""

from __future__ import annotations

import math

from disgorge_core.errors import BadParam
from disgorge_core.privacy import accountant
from disgorge_core.privacy.bound import Bound
from disgorge_core.privacy.reading import Reading


def one_release(epsilon: float, delta: float, records: int, read: Reading) -> Bound:
    """The bound whose `noise` is that of the release, in multiples of what one record changes.

    Raises BadParam where reading leaves nothing.
    """
    left = delta - read.delta
    mu = accountant.gaussian_mu(epsilon, left)
    spent = sum(1 / sigma**2 for sigma, _, _ in read.spent)
    if spent >= mu**2:
        raise BadParam(
            f"Reading the records alone spends more than ε = {epsilon:g}.",
            "Raise ε, or the noise of reading.",
        )
    noise = 1 / math.sqrt(mu**2 - spent)
    second = accountant.second((*read.spent, (noise, 1.0, 1)), left)
    own = accountant.gaussian_epsilon(mu, left)
    return Bound(own, delta, second, noise, 1.0, 1, records, float(read.covered))
