"""What was predicted of a removal, held against what was measured after it.

Measured is the mean of the references minus the model before: influence estimates what never having seen
the records would have changed. The disgorged model minus the model before is told beside it.

Order: Spearman's correlation over records, with the interval of Bonett and Wright 2000 (Fisher's z with
variance (1 + ρ²/2) / (n - 3)), as if records were independent. Size: the b of least squares in
measured = b predicted, so b = 2 is a change twice as large as predicted.

Chance in training blurs what is measured: another seed of the model before and of each of M references
would have given other margins. With σ² the variance between references, averaged over records, the share
1 - σ² (1 + 1/M) / Var(measured) of the measured differences is no chance, and no estimate can be expected to
correlate with them by more than its square root (Spearman 1904, attenuation): the ceiling.
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


def ceiling(measured: Array, noise: float) -> float:
    """The correlation that chance of variance `noise` leaves to any estimate of what was measured (n,)."""
    found = float(np.var(measured, ddof=1)) if len(measured) > 1 else 0.0
    if not found or math.isnan(noise):
        return math.nan
    return math.sqrt(max(0.0, 1 - noise / found))


def held(c: Comparison, data: Dataset, rows: Array, change: Array) -> list[dict[str, object]]:
    """What JSON can hold of a `Held` for each set and measure; change (m, k) of the logits of `rows` (m,)."""
    inside = {name: mask[rows] for name, mask in sets(c, data).items() if name in ASKED}
    predicted = predicted_change(c, data, rows, change)
    found = []
    for measured in (REFERENCES, DISGORGED) if len(c.references) else (DISGORGED,):
        moved, noise = measured_change(c, data, rows, measured)
        for name, mask in inside.items():
            if mask.any():
                found.append(_held(name, measured, predicted[mask], moved[mask], noise[mask]))
    return [asdict(one) for one in found]


def predicted_change(c: Comparison, data: Dataset, rows: Array, change: Array) -> Array:
    """Predicted change (m,) of each margin, or residual, from that of the logits (m, k)."""
    return _moved(c.before[rows] + change, c, data, rows)


def measured_change(
    c: Comparison, data: Dataset, rows: Array, measured: str
) -> tuple[Array, Array]:
    """Measured change (m,) of each margin, or residual, and its variance by chance, NaN where unknown."""
    unknown = np.full(len(rows), np.nan)
    if measured == DISGORGED:
        return _moved(c.after[rows], c, data, rows), unknown
    each = np.stack([_moved(z[rows], c, data, rows) for z in c.references])
    if len(each) < 2:
        return each.mean(0), unknown
    return each.mean(0), each.var(0, ddof=1) * (1 + 1 / len(each))


def _moved(z: Array, c: Comparison, data: Dataset, rows: Array) -> Array:
    then, now = (metrics.standing(one, data.y[rows], data.task) for one in (z, c.before[rows]))
    return np.asarray(then - now, dtype=np.float64)


def _held(name: str, measured: str, predicted: Array, moved: Array, noise: Array) -> Held:
    rank = rank_correlation(predicted, moved)
    top = ceiling(moved, float(noise.mean()))
    size = factor(predicted, moved)
    numbers = [_plain(v) for v in (rank.value, rank.low, rank.high, size, top)]
    return Held(name, measured, len(moved), *numbers)


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
