"""How well a score tells members from others: area under the ROC curve, and finds at few false alarms.

AUC = P(member's score > other's score) + ½ P(equal), the Mann-Whitney statistic (Hanley & McNeil 1982). Its
interval holds every θ with |AUC - θ| ≤ 1.96 √V(θ), where V is Hanley and McNeil's variance

    V(θ) = θ (1 - θ) / (m n) · [1 + k (1 - θ) / (2 - θ) + k θ / (1 + θ)],   k = (m + n) / 2 - 1

(Newcombe 2006, Statistics in Medicine 25:559, method 5). Unlike AUC ± 1.96 standard errors it stays within 0
and 1 and keeps its width where members and others are fully apart. It is over records; the model is fixed.
"""

from __future__ import annotations

import math

import numpy as np

from disgorge_core import metrics
from disgorge_core.types import Array, Estimate

FALSE_ALARMS = 100  # at most one other in so many is taken for a member
HALVINGS = 50


def auc_of(members: Array, others: Array) -> float:
    """Area under the ROC curve of scores (m,) and (n,); a half where nothing can be told."""
    ordered = np.sort(others)
    below, upto = (np.searchsorted(ordered, members, side) for side in ("left", "right"))
    return float((below + upto).mean() / (2 * len(ordered)))


def auc(members: Array, others: Array) -> Estimate:
    """The same with its 95 % interval; `n` is the number of members."""
    value, m, n = auc_of(members, others), len(members), len(others)
    return Estimate(value, _limit(value, 0.0, m, n), _limit(value, 1.0, m, n), m)


def variance(area: float, m: int, n: int) -> float:
    """Hanley and McNeil's variance of an AUC from m members and n others, made symmetric."""
    k = (m + n) / 2 - 1
    return area * (1 - area) / (m * n) * (1 + k * (1 - area) / (2 - area) + k * area / (1 + area))


def _limit(value: float, end: float, m: int, n: int) -> float:
    inner, outer = value, end  # the limit lies between them
    for _ in range(HALVINGS):
        middle = (inner + outer) / 2
        held = abs(value - middle) <= metrics.Z95 * math.sqrt(variance(middle, m, n))
        inner, outer = (middle, outer) if held else (inner, middle)
    return inner


def found_at_few_alarms(members: Array, others: Array) -> Estimate:
    """Share of members above the score that at most 1 % of others exceed, with Wilson's interval.

    Not a number with fewer than 100 others, where 1 % is less than one record. The line is drawn by these
    others: the interval does not hold the chance in that.
    """
    allowed = len(others) // FALSE_ALARMS
    if not allowed:
        return Estimate(math.nan, 0.0, 1.0, len(members))
    return metrics.share(members > np.sort(others)[-allowed - 1])
