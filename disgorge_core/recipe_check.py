"""Is a stated recipe the one that a model was trained by: the model among twins trained by that recipe.

If it is, the model and its N twins are draws of one distribution, and each measure u of the model lies in
the prediction interval mean ± t s √(1 + 1/N) of the twins' values, t being the 1 - α / 2m point of
Student's t with N - 1 degrees of freedom, for m measures together at level 1 - α. A measure counts as
outside only if it is also outside all twins, and farther from their mean than the tolerance: where chance
hardly moves a model, as in convex fits, a difference that nobody would notice is none. Passing says that
nothing speaks against the recipe at this power, not that it is right.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from disgorge_core import metrics
from disgorge_core.errors import BadParam
from disgorge_core.types import Array, Dataset, Estimate

LEVEL = 0.95  # of all measures together
LEAST = 2  # twins
POINTS = 0.005  # accuracy that counts as none, or one record where that is more
SHARE = 0.02  # of the spread over records, and of an error, that counts as none


@dataclass(frozen=True)
class Measure:
    """One measure of the model among its twins; `twins` holds their mean and prediction interval."""

    name: str
    value: float
    twins: Estimate
    least: float
    most: float
    z: float  # distance from the mean, in units in which the interval ends at Student's point
    rank: int  # 1 for the smallest among itself and the twins

    @property
    def inside(self) -> bool:
        """Whether it looks like a twin's."""
        between = self.least <= self.value <= self.most
        return between or self.twins.low <= self.value <= self.twins.high


@dataclass(frozen=True)
class RecipeCheck:
    """All measures; the recipe is confirmed if every one of them looks like a twin's."""

    measures: tuple[Measure, ...]
    twins: int

    @property
    def confirmed(self) -> bool:
        """Whether the model looks like its twins."""
        return all(measure.inside for measure in self.measures)

    @property
    def outside(self) -> tuple[str, ...]:
        """Names of the measures that do not."""
        return tuple(m.name for m in self.measures if not m.inside)

    def plain(self) -> dict[str, Any]:
        """As plain values, to be stored."""
        rows = [{**asdict(m), "inside": m.inside} for m in self.measures]
        return {"twins": self.twins, "confirmed": self.confirmed, "measures": rows}


def measured(logits: Array, data: Dataset, trained: Array) -> dict[str, tuple[float, float]]:
    """Value and tolerance of each measure, from logits (n, c); `trained` (n,) marks what was trained on.

    Accuracy and mean margin (root mean squared error and mean residual in regression) on the records that
    were trained on and on test, or where there is no test split on validation.
    """
    test = np.zeros(len(data), bool)
    test[data.rows("test") if len(data.rows("test")) else data.rows("validation")] = True
    found: dict[str, tuple[float, float]] = {}
    for name, mask in (("training records", trained), ("test records", test & ~trained)):
        if mask.any():
            found |= _of(logits[mask], data.y[mask], data.task, name)
    return found


def _of(z: Array, y: Array, task: str, name: str) -> dict[str, tuple[float, float]]:
    quality, each = metrics.quality(z, y, task).value, metrics.standing(z, y, task)
    about_all = (float(each.mean()), SHARE * float(each.std()))
    if task == "regression":
        error = (quality, SHARE * quality)
        return {f"error on {name}": error, f"mean residual on {name}": about_all}
    accuracy = (quality, max(POINTS, 1 / len(y)))
    return {f"accuracy on {name}": accuracy, f"mean margin on {name}": about_all}


def among(
    model: Mapping[str, tuple[float, float]], twins: Sequence[Mapping[str, tuple[float, float]]]
) -> RecipeCheck:
    """The measures of a model among those of its twins; raises BadParam for fewer than two twins."""
    if len(twins) < LEAST:
        raise BadParam(f"There are {len(twins)} twins.", f"Train at least {LEAST}.")
    point = _t_point(len(twins) - 1, 1 - (1 - LEVEL) / (2 * len(model)))
    measures = [
        _placed(name, value, np.array([twin[name][0] for twin in twins]), tolerance, point)
        for name, (value, tolerance) in model.items()
    ]
    return RecipeCheck(tuple(measures), len(twins))


def _placed(name: str, value: float, others: Array, tolerance: float, point: float) -> Measure:
    mean, count = float(others.mean()), len(others)
    reach = point * float(others.std(ddof=1)) * math.sqrt(1 + 1 / count)
    reach = max(reach, tolerance, math.ulp(mean))
    rank, _ = metrics.rank_among(value, others)
    return Measure(
        name, value, Estimate(mean, mean - reach, mean + reach, count),
        float(others.min()), float(others.max()), point * (value - mean) / reach, rank,
    )  # fmt: skip


def _t_point(freedom: int, share: float) -> float:
    from scipy.stats import t

    return float(t.ppf(share, freedom))
