"""What was predicted of a removal, held against what was measured after it.

Measured is the mean of the references minus the model before: influence estimates what never having seen
the records would have changed. The disgorged model minus the model before is told beside it.

Order: Spearman's correlation over records, with the interval of Bonett and Wright 2000 (Fisher's z with
variance (1 + ρ²/2) / (n - 3)), as if records were independent. Size: the b of least squares in
measured = b predicted, so b = 2 is a change twice as large as predicted.

Chance in training blurs what is measured: another seed of the model before and of each of M references
would have given other margins. Once more as much chance is added to the measured change, as the difference
of two references times √((1 + 1/M) / 2). If T is the variance of the true change and N that of chance, the
correlation r with what comes out has r² = (T + N) / (T + 2N), and a perfect estimate would reach
√(T / (T + N)) = √(2 - 1/r²): the ceiling (after Spearman 1904, attenuation; of ranks it is approximate). It
is told from five references on: chance moves many records together, so that few draws say little of it.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from disgorge_core import metrics
from disgorge_core.comparison import REMOVED, TEST, VALIDATION, Comparison, sets
from disgorge_core.types import Array, Dataset, Estimate

REFERENCES, DISGORGED = "references", "disgorged"
ASKED = (REMOVED, VALIDATION, TEST)
LEAST = 10  # records below which nothing is said of their order
ENOUGH = 5  # references from which a ceiling is told


@dataclass(frozen=True)
class Held:
    """One set of records: rank correlation with its interval, factor and ceiling; None where unknown."""

    set: str
    measured: str  # "references" or "disgorged"
    n: int
    rank: float | None
    low: float | None
    high: float | None
    factor: float | None
    ceiling: float | None


def rank_correlation(a: Array, b: Array) -> Estimate:
    """Spearman's correlation of two rows (n,); NaN below ten records, or where one of them is constant."""
    n = len(a)
    if n < LEAST or np.ptp(a) == 0 or np.ptp(b) == 0:
        return Estimate(math.nan, math.nan, math.nan, n)
    first, second = (pd.Series(values).rank().to_numpy() for values in (a, b))
    rho = float(np.corrcoef(first, second)[0, 1])
    z = math.atanh(np.clip(rho, -1 + 1e-12, 1 - 1e-12))
    half = metrics.Z95 * math.sqrt((1 + rho**2 / 2) / (n - 3))
    return Estimate(rho, math.tanh(z - half), math.tanh(z + half), n)


def factor(predicted: Array, measured: Array) -> float:
    """How many times the predicted change (n,) was measured; NaN where none was predicted."""
    size = float(predicted @ predicted)
    return float(predicted @ measured) / size if size else math.nan


def ceiling(measured: Array, noises: Array) -> float:
    """The rank correlation that chance leaves to a perfect estimate of what was measured (n,).

    `noises` (k, n) are draws of the same chance as lies in what was measured; NaN without any.
    """
    blurred = [rank_correlation(measured, measured + noise).value for noise in noises]
    r = float(np.mean(blurred)) if blurred else math.nan
    if math.isnan(r):
        return math.nan
    return math.sqrt(max(0.0, 2 - 1 / r**2)) if r > 0 else 0.0


def held(c: Comparison, data: Dataset, rows: Array, change: Array) -> list[dict[str, object]]:
    """What JSON can hold of a `Held` for each set and measure; change (m, k) of the logits of `rows` (m,)."""
    inside = {name: mask[rows] for name, mask in sets(c, data).items() if name in ASKED}
    predicted = predicted_change(c, data, rows, change)
    found = []
    for measured in (REFERENCES, DISGORGED) if len(c.references) else (DISGORGED,):
        moved = measured_change(c, data, rows, measured)
        noises = _chance(c, data, rows, measured)
        for name, mask in inside.items():
            if mask.any():
                found.append(_held(name, measured, predicted[mask], moved[mask], noises[:, mask]))
    return [asdict(one) for one in found]


def predicted_change(c: Comparison, data: Dataset, rows: Array, change: Array) -> Array:
    """Predicted change (m,) of each margin, or residual, from that of the logits (m, k)."""
    return _moved(c.before[rows] + change, c, data, rows)


def measured_change(c: Comparison, data: Dataset, rows: Array, measured: str) -> Array:
    """Measured change (m,) of each margin, or residual."""
    if measured == DISGORGED:
        return _moved(c.after[rows], c, data, rows)
    return _of_references(c, data, rows).mean(0)


def _of_references(c: Comparison, data: Dataset, rows: Array) -> Array:
    """Change (M, m) from the model before to each reference."""
    return np.stack([_moved(z[rows], c, data, rows) for z in c.references])


def _chance(c: Comparison, data: Dataset, rows: Array, measured: str) -> Array:
    """Draws (M - 1, m) of the chance in what was measured; none of a single model, or of few."""
    if measured == DISGORGED or len(c.references) < ENOUGH:
        return np.zeros((0, len(rows)))
    each = _of_references(c, data, rows)
    return np.diff(each, axis=0) * math.sqrt((1 + 1 / len(each)) / 2)


def _moved(z: Array, c: Comparison, data: Dataset, rows: Array) -> Array:
    then, now = (metrics.standing(one, data.y[rows], data.task) for one in (z, c.before[rows]))
    return np.asarray(then - now, dtype=np.float64)


def _held(name: str, measured: str, predicted: Array, moved: Array, noises: Array) -> Held:
    rank = rank_correlation(predicted, moved)
    top = ceiling(moved, noises)
    size = factor(predicted, moved)
    numbers = [_plain(v) for v in (rank.value, rank.low, rank.high, size, top)]
    return Held(name, measured, len(moved), *numbers)


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
