"""The privacy bound of a model: what it was trained within, and what that says of k records together.

k records are covered by (kε, k e^((k-1)ε) δ) (Dwork and Roth 2014, Theorem 2.2, and its extension to δ >
0). There is no meaningful bound where kε > 10 or where that δ reaches 1/n: it would allow what an open list
of the records allows. δ is a tenth of 1/n unless said otherwise: a δ of 1/n would hold for a procedure that
gives one record away at random.

The bound is kept with a digest of the weights: an edit of the weights reads the records again, and voids
it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import astuple, dataclass

import numpy as np

from disgorge_core.errors import BadParam
from disgorge_core.types import Array, Model

LIMIT = 10.0  # kε beyond which nothing is said
SHARE = 10  # δ is one over so many times n
PRIVACY, WEIGHTS = "privacy", "privacy_weights"  # artefacts


@dataclass(frozen=True)
class Bound:
    """(ε, δ) for one record, and how it came about.

    `second` is ε by the other accountant, `noise` the noise multiplier, `rate` the share of a step,
    `records` n as it is known to all, `reading` 1 where the way inputs are read is covered too, else 0.
    """

    epsilon: float
    delta: float
    second: float
    noise: float
    rate: float
    steps: float
    records: float
    reading: float = 1.0

    def group(self, k: int) -> tuple[float, float]:
        """(ε, δ) for k records together; δ is at most 1."""
        eps = k * self.epsilon
        if self.delta == 0:
            return eps, 0.0
        exponent = math.log(k * self.delta) + (k - 1) * self.epsilon
        return eps, math.exp(min(0.0, exponent))

    def meaningful(self, k: int) -> bool:
        """Whether the bound says anything of k records together."""
        eps, delta = self.group(k)
        return eps <= LIMIT and delta < 1 / self.records

    @property
    def most(self) -> int:
        """Largest number of records that the bound says something of."""
        k = 0
        while self.meaningful(k + 1):
            k += 1
        return k

    @property
    def reach(self) -> tuple[int, float]:
        """Largest number of records that ε allows, and the δ that a bound for as many must stay below."""
        k = math.floor(LIMIT / self.epsilon + 1e-9)
        return k, math.exp(-(k - 1) * self.epsilon) / (k * self.records) if k else 0.0


def foreseen(epsilon: float, records: int, delta: float) -> Bound:
    """The bound that a training will have, before its noise is known; raises BadParam as `delta_for`."""
    return Bound(epsilon, delta_for(records, delta), epsilon, 0.0, 0.0, 0, records)


def delta_for(records: int, given: float) -> float:
    """The δ that is given, or a tenth of 1/n where it is 0; raises BadParam for one that says nothing."""
    if given < 0 or given >= 1 / max(1, records):
        raise BadParam(
            f"A δ of {given:g} says nothing of {records:,} records.",
            f"Take one between 0 and {1 / max(1, records):.2g}; 0 stands for a tenth of that.",
        )
    return given or 1 / (SHARE * records)


def artefacts_of(bound: Bound, model: Model) -> dict[str, Array]:
    """What a model keeps of its bound."""
    return {PRIVACY: np.array(astuple(bound), dtype=np.float64), WEIGHTS: _weights(model)}


def bound_of(model: Model) -> Bound | None:
    """The bound of a model; None where it has none, or where its weights were changed since."""
    if PRIVACY not in model.artefacts:
        return None
    same = np.array_equal(_weights(model), model.artefacts[WEIGHTS])
    return told(model.artefacts) if same else None


def told(artefacts: Mapping[str, Array]) -> Bound:
    """The bound as it is kept."""
    return Bound(*map(float, artefacts[PRIVACY]))


def _weights(model: Model) -> Array:
    """Digest (32,) of all weights and buffers."""
    sha = hashlib.sha256()
    for member in model.members:
        for name, value in sorted(member.network.state_dict().items()):
            sha.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return np.frombuffer(sha.digest(), dtype=np.uint8).copy()
