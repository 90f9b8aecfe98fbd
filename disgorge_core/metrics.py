"""Numbers from logits (n, classes) and targets (n,), each with its interval; numpy only.

Shares carry Wilson's score interval (Wilson 1927), means Student's t interval, both at 95 %.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pandas as pd

from disgorge_core.models.prediction import logsumexp
from disgorge_core.types import Array, Estimate

Z95 = 1.959963984540054  # 97.5 % point of the normal distribution
KLOM_BINS, KLOM_CLIP, KLOM_LEAST = 20, 100.0, 1e-5


def share(hits: Array) -> Estimate:
    """Share of True among `hits` (n,), with Wilson's interval; NaN for no record."""
    n = len(hits)
    if n == 0:
        return Estimate(math.nan, 0.0, 1.0, 0)
    p = float(np.mean(hits))
    centre = (p + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 / (1 + Z95**2 / n) * math.sqrt(p * (1 - p) / n + Z95**2 / (4 * n**2))
    low, high = max(0.0, centre - half), min(1.0, centre + half)
    return Estimate(p, min(p, low), max(p, high), n)  # at 0 and 1 rounding must not pass p


def mean_estimate(values: Array) -> Estimate:
    """Mean of `values` (n,) with its t interval; the interval is infinite for a single value."""
    values = np.asarray(values, dtype=np.float64)
    n = len(values)
    if n < 2:
        return Estimate(float(values[0]) if n else math.nan, -math.inf, math.inf, n)
    mean = float(values.mean())
    half = t_point(n - 1) * float(values.std(ddof=1)) / math.sqrt(n)
    return Estimate(mean, mean - half, mean + half, n)


@cache
def t_point(freedom: int) -> float:
    """97.5 % point of Student's t: with t = √ν tan θ its density is proportional to cos^(ν-1) θ."""
    angle = np.linspace(0, min(math.pi / 2, 12 / math.sqrt(freedom)), 200_001)
    density = np.cos(angle) ** (freedom - 1)
    mass = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    return math.sqrt(freedom) * math.tan(float(np.interp(0.95 * mass[-1], mass, angle)))


def spread(values: Array) -> Estimate:
    """Median of M values with the band that holds the middle 95 % of them (not an interval)."""
    low, median, high = np.quantile(np.asarray(values, dtype=np.float64), [0.025, 0.5, 0.975])
    return Estimate(float(median), float(low), float(high), len(values))


def rank_among(value: float, references: Array) -> tuple[int, int]:
    """Place of a value among itself and the references, 1 for the smallest, and how many there are."""
    return 1 + int(np.sum(np.asarray(references) < value)), len(references) + 1


# --- classification -----------------------------------------------------------------------------


def accuracy(logits: Array, y: Array) -> Estimate:
    """Share of records whose largest logit is their class."""
    return share(logits.argmax(1) == y)


def margins(logits: Array, y: Array) -> Array:
    """Margin (n,): own logit minus logsumexp of the others; positive where own probability > ½."""
    z = logits.astype(np.float64)
    own = np.take_along_axis(z, y[:, None], axis=1)[:, 0]
    others = z.copy()
    np.put_along_axis(others, y[:, None], -np.inf, axis=1)
    return own - logsumexp(others)


def nll(logits: Array, y: Array) -> Array:
    """Negative log-likelihood (n,) of the own class, in nats."""
    z = logits.astype(np.float64)
    return logsumexp(z) - np.take_along_axis(z, y[:, None], axis=1)[:, 0]


def confusion(logits: Array, y: Array, classes: int) -> Array:
    """Counts (classes, classes): row is the true class, column the answer."""
    pairs = y.astype(np.int64) * classes + logits.argmax(1)
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def flips(before: Array, after: Array) -> Array:
    """Bool (n,): which answers changed between two models' logits."""
    return before.argmax(1) != after.argmax(1)


def agreement(a: Array, b: Array) -> Estimate:
    """Share of records that two models' logits give the same answer to."""
    return share(~flips(a, b))


def kl(p: Array, q: Array) -> Array:
    """Kullback-Leibler divergence (n,) of rows of probabilities, in nats; 0 log 0 = 0."""
    p, q = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)
    with np.errstate(divide="ignore"):
        ratio = np.log(np.where(p > 0, p, 1.0)) - np.log(np.where(p > 0, q, 1.0))
    return (p * ratio).sum(-1)


def js(p: Array, q: Array) -> Array:
    """Jensen-Shannon divergence (n,) of rows of probabilities, in nats: ln 2 for opposite one-hots."""
    middle = (np.asarray(p, dtype=np.float64) + q) / 2
    return (kl(p, middle) + kl(q, middle)) / 2


def klom(margins_a: Array, margins_b: Array) -> Array:
    """KL of the histograms of two ensembles' margins (M, n) at each record: (n,), at most ln 1e5.

    Twenty bins over the joint range of the record, margins clipped at ±100, second share at least 1e-5
    (Georgiev et al., arXiv 2410.23232).
    """
    a, b = (np.clip(m, -KLOM_CLIP, KLOM_CLIP) for m in (margins_a, margins_b))
    low, high = np.minimum(a.min(0), b.min(0)), np.maximum(a.max(0), b.max(0))
    edges = np.linspace(low, np.where(high > low, high, low + 1), KLOM_BINS + 1)
    return kl(_shares(a, edges), np.maximum(_shares(b, edges), KLOM_LEAST))


def _shares(values: Array, edges: Array) -> Array:
    """Share (n, bins) of values (M, n) from each edge (bins + 1, n) to the next; the last holds its end."""
    place = sum((values >= edge).astype(np.int8) for edge in edges[1:-1])
    return np.stack([(place == k).mean(0) for k in range(len(edges) - 1)], axis=1)


# --- regression ---------------------------------------------------------------------------------


def residuals(outputs: Array, y: Array) -> Array:
    """Output minus target (n,) of outputs (n, 1) or (n,)."""
    return outputs.reshape(len(y)).astype(np.float64) - y


def rmse(outputs: Array, y: Array) -> Estimate:
    """Root mean squared error; its interval is the root of the mean square's t interval."""
    square = mean_estimate(residuals(outputs, y) ** 2)
    value, low, high = (math.sqrt(max(0.0, v)) for v in (square.value, square.low, square.high))
    return Estimate(value, low, high, square.n)


# --- by task ------------------------------------------------------------------------------------


def quality(outputs: Array, y: Array, task: str) -> Estimate:
    """Accuracy (higher is better) or, for regression, root mean squared error (lower is better)."""
    return rmse(outputs, y) if task == "regression" else accuracy(outputs, y)


def standing(outputs: Array, y: Array, task: str) -> Array:
    """The number (n,) followed for each record: its margin or, for regression, its residual."""
    return residuals(outputs, y) if task == "regression" else margins(outputs, y)


def by_group(outputs: Array, y: Array, groups: Array, task: str = "classification") -> pd.DataFrame:
    """Quality for each group: columns group, n, accuracy (or rmse), low, high; sorted by group."""
    groups = np.asarray(groups).astype(str)
    column = "rmse" if task == "regression" else "accuracy"
    rows = []
    for group in np.unique(groups):
        inside = groups == group
        found = quality(outputs[inside], y[inside], task)
        rows.append((group, found.n, found.value, found.low, found.high))
    return pd.DataFrame(rows, columns=["group", "n", column, "low", "high"])
