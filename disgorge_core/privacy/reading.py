"""How a private training reads its records: by what is fixed in advance, or by noisy counts of a table.

Pictures: pixels 0..255 become -1..1, whatever the records are. A backbone is fixed. Tables: the columns,
and which of them are numbers, are taken as known to all. Each column is counted into cells that are fixed
in advance (numbers: half powers of two, with their sign; categories: their values), and N(0, σ² C) is added
to every count, where C is the number of columns, so one record moves the counts by at most √C. What follows
uses the noisy counts alone: mean and deviation of a number from the middles of its cells, and the
categories whose count is above 1 + σ √C z. A category that only one record has passes with probability at
most δ' / C for each column, z = Φ⁻¹(1 - δ'/C), which costs δ' (stability-based histograms: Korolova et al.
2009; Bun, Nissim and Stemmer 2016). So reading is one Gaussian without sampling, at noise multiplier σ,
plus δ'.

Known words of a text cannot be read so: they are fitted, and the bound does not cover them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd

from disgorge_core.data import preprocessing
from disgorge_core.privacy.accountant import Mechanism
from disgorge_core.training.order import by_key, salt
from disgorge_core.training.task import Job
from disgorge_core.types import Array, Column, Preprocessing
from disgorge_core.types.data import key_of

READ = 103  # what a number is drawn for; those of training.order are small
EXPONENTS = (-40, 80)  # half powers of two: 1e-6 to 1e12
SURE = 5.0  # deviations of the noise above which a cell of numbers is taken as held
SHARE_OF_DELTA = 10  # one over so many parts of δ goes into reading a table


@dataclass(frozen=True, eq=False)
class Reading:
    """How records are read, what that spent, and whether the bound covers it; None: fitted as always."""

    preprocessing: Preprocessing | None
    spent: tuple[Mechanism, ...] = ()
    delta: float = 0.0
    covered: bool = True


def reading(job: Job, k: int, noise: float, delta: float) -> Reading:
    """How model k of a job reads; `noise` 0 fits to the records, which the bound then does not cover."""
    stated = job.plan.stated
    if stated is not None:
        return Reading(stated)
    if job.data.kind == "image":
        channels = job.data.shape[2]
        return Reading(preprocessing.fixed_pixels(channels, [0.5] * channels, [0.5] * channels))
    if job.data.kind == "text" or noise == 0:
        return Reading(None, covered=False)
    part = delta / SHARE_OF_DELTA
    x = job.data.take(by_key(job.data.keys, np.flatnonzero(job.keep[k])))
    found = table(x, job.plan.columns, noise, part, job.seeds[k])
    return Reading(found, ((noise, 1.0, 1),), part)


def table(
    x: pd.DataFrame, like: Sequence[Column], noise: float, delta: float, seed: int
) -> Preprocessing:
    """Preprocessing of a table from noisy counts alone; `like` names the columns that are read."""
    columns = preprocessing.columns_of(x, like)
    spread = noise * math.sqrt(len(columns))
    least = 1 + spread * NormalDist().inv_cdf(1 - delta / len(columns))
    found: list[Column] = []
    shift: list[float] = []
    scale: list[float] = []
    for number, column in enumerate(columns):
        values = x[column.name]
        if column.values is None:
            mean, deviation = _moments(_counts(values.to_numpy(np.float64, na_value=np.nan)),
                                       spread, int(salt(seed, number, READ)))  # fmt: skip
            found.append(column)
            shift.append(mean)
            scale.append(1 / deviation)
        else:
            kept, shares = _categories(
                values, column.values, spread, least, int(salt(seed, number, READ))
            )
            found.append(Column(column.name, kept))
            shift += shares
            scale += [1 / math.sqrt(p * (1 - p)) if 0 < p < 1 else 1.0 for p in shares]
    return Preprocessing("table", np.array(shift), np.array(scale), tuple(found))


def middles() -> Array:
    """The middle of each cell of numbers: negative ones, zero, positive ones."""
    powers = np.arange(*EXPONENTS) / 2
    up = (2**powers + 2 ** (powers + 0.5)) / 2
    return np.concatenate([-up[::-1], [0.0], up])


def _counts(values: Array) -> Array:
    """How many known values lie in each cell; what is larger than the last one counts there."""
    first, last = EXPONENTS
    known = values[~np.isnan(values)]
    size = np.abs(known)
    power = np.full(len(known), first - 1)
    far = size >= 2 ** (first / 2)
    power[far] = np.clip(np.floor(2 * np.log2(np.minimum(size[far], 1e300))), first, last - 1)
    step = power - first + 1  # 0 for what counts as zero
    width = last - first
    return np.bincount(width + np.sign(known).astype(int) * step, minlength=2 * width + 1)


def _moments(counts: Array, spread: float, seed: int) -> tuple[float, float]:
    """Mean and deviation by noisy counts; 0 and 1 where no cell is surely held."""
    noisy = counts + np.random.default_rng(seed).normal(0, spread, len(counts))
    noisy = np.where(noisy > SURE * spread, noisy, 0.0)
    if not noisy.any():
        return 0.0, 1.0
    share, at = noisy / noisy.sum(), middles()
    mean = float(share @ at)
    deviation = math.sqrt(float(share @ (at - mean) ** 2))
    return mean, deviation or 1.0


def _categories(
    values: pd.Series, known: Sequence[str], spread: float, least: float, seed: int
) -> tuple[tuple[str, ...], list[float]]:
    """Categories whose noisy count is above the least, and their shares among these."""
    text = values.dropna().astype("string")
    counts = text.value_counts()
    noisy = {
        value: counts[value] + np.random.default_rng([seed, key_of(value)]).normal(0, spread)
        for value in known
    }
    kept = tuple(value for value in known if noisy[value] > least)
    total = sum(noisy[value] for value in kept)
    return kept, [float(noisy[value] / total) for value in kept]
