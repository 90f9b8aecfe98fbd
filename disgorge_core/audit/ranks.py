"""Ranks among references: how odd a model looks among models that never saw the removed records.

Each of the N + 1 models, the judged one and the references, is compared with the N others. If the judged
model is one more draw of the same training, its oddness is as likely to take any rank as another, so that
p = (1 + #{references at least as odd}) / (N + 1) is below α with probability at most α; equal values get
equal ranks. With N < 19 it never falls below 5 %.

Several measures together: oddness is the largest of them, each in units of its spread over references
(one number for each model, so the rank of the largest needs no further correction; Westfall & Young 1993).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from disgorge_core.types import Array

TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Ranked:
    """One measure of each judged model and, leave-one-out, of each reference (N,).

    `either` says that a value may be odd by being small, too; else only large ones are.
    """

    values: Mapping[str, float]
    references: Array
    either: bool = False

    def odd(self, who: str) -> float:
        """How odd a judged model is, in spreads of the references."""
        return float(_odd(np.array([self.values[who]]), self.references, self.either)[0])

    def odds_of_references(self, who: str) -> Array:
        """How odd each reference is among the others and the judged model, (N,)."""
        value = self.values[who]
        pool = np.append(self.references, value) if np.isfinite(value) else self.references
        found = [
            _odd(self.references[i : i + 1], np.delete(pool, i), self.either)[0]
            for i in range(len(self.references))
        ]
        return np.array(found)

    def p(self, who: str) -> float:
        """The rank p-value of a judged model."""
        return rank_p(self.odd(who), self.odds_of_references(who))


def _odd(values: Array, others: Array, either: bool) -> Array:
    if len(others) < 2:
        return np.zeros(len(values))
    away = values - others.mean()
    away = np.abs(away) if either else away
    scale = float(others.std(ddof=1))
    nothing = TINY * max(1.0, float(np.abs(others).max()))
    with np.errstate(over="ignore"):
        return np.where(np.abs(away) <= nothing, 0.0, away / max(scale, nothing))


def rank_p(value: float, references: Array) -> float:
    """(1 + number of references at least as large) / (N + 1); 1 where the value is not a number."""
    if not np.isfinite(value) and not np.isposinf(value):
        return 1.0
    return (1 + int(np.sum(np.asarray(references) >= value))) / (len(references) + 1)


def joint_p(measures: Sequence[Ranked], who: str) -> float:
    """The rank p-value of the largest oddness over several measures."""
    if not measures:
        return 1.0
    own = max(one.odd(who) for one in measures)
    return rank_p(own, np.max([one.odds_of_references(who) for one in measures], axis=0))


def beyond(difference: Array, least: float) -> Array:
    """What of a difference is more than counts as none: it is drawn towards 0 by `least`."""
    return np.asarray(np.sign(difference) * np.maximum(np.abs(difference) - least, 0.0))


def moments_without(stack: Array) -> tuple[Array, Array]:
    """Mean and variance (N, k) over all rows of (N, k) but one, for each one; needs N > 2."""
    count, middle = len(stack), stack.mean(0)
    centred = stack - middle
    mean = -centred / (count - 1)
    variance = ((centred**2).sum(0) - centred**2 - (count - 1) * mean**2) / (count - 2)
    return middle + mean, np.maximum(variance, 0.0)
