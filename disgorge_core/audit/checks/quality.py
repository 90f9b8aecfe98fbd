"""Quality beside references: accuracy, or for numbers root mean squared error, on each set of records.

For each set the value before and after with its 95 % interval over records, and the spread of the references
over seeds. Tug-of-war (ToW, Zhao et al., arXiv 2406.01257) multiplies the three gaps to the references' mean:
ToW = Π over sets of (1 - |accuracy - mean accuracy of references|); 1 is best.

An accuracy gap of none does not show removal: methods with the smallest gaps have been among the easiest to
find out record by record. So this finding describes, and decides only whether quality was lost. What the
placebo was to remove is not held against it. Without references before and after stand alone, with their
intervals over records.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from disgorge_core import metrics
from disgorge_core.audit.bench import KEPT, TEST, Bench
from disgorge_core.audit.contract import BOTH, Measured, needs_references
from disgorge_core.registry import CHECKS
from disgorge_core.types import About, Array, Decides, Estimate, Finding

SAYS = "A model that never saw the records lies within the references' range."
ALONE = "With its interval only: without references nothing says what an honest model would answer."
TOGETHER = "All gaps to the references multiplied: 1 is best. The references among themselves are its floor."


@CHECKS.register
@dataclass(frozen=True)
class Quality:
    """Accuracy or error on each set, and tug-of-war over all."""

    name, title, order, tasks, about = "quality", "Quality beside references", 30, BOTH, About.MODEL

    def why_not(self, bench: Bench) -> str | None:
        """Nothing: without references it is shown before and after."""
        return None

    def run(self, bench: Bench) -> Sequence[Measured]:
        """One finding a set, and one for all together."""
        names = [name for name, mask in bench.sets.items() if mask.any()]
        found = [Measured(_on(bench, name)) for name in names]
        if bench.task == "classification" and _comparable(bench):
            found.append(Measured(_together(bench, names)))
        return found


def _on(bench: Bench, records: str) -> Finding:
    inside = bench.sets[records]
    values = {who: _quality(bench, z, bench.stays(records, who)) for who, z in bench.judged.items()}
    if _comparable(bench):
        own = np.array([_quality(bench, z, inside).value for z in bench.references])
        values["references"] = metrics.spread(own)
    regression = bench.task == "regression"
    return Finding(
        check="quality", measure="Error (RMSE)" if regression else "Accuracy", records=records,
        unit="unit of the target" if regression else "share",
        values=values, says=SAYS if _comparable(bench) else ALONE,
        decides=Decides.LOWERS if _comparable(bench) and records == _judged_on(bench) else Decides.NOT,
    )  # fmt: skip


def _comparable(bench: Bench) -> bool:
    return needs_references(bench) is None


def _quality(bench: Bench, z: Array, inside: Array) -> Estimate:
    return metrics.quality(z[inside], bench.y[inside], bench.task)


def _together(bench: Bench, names: list[str]) -> Finding:
    values = {who: _tug_of_war(bench, who, names) for who in bench.judged}
    own = _of_references(bench, [bench.sets[name] for name in names])
    floor = np.array([_tow(a, np.delete(own, i, axis=0)) for i, a in enumerate(own)])
    return Finding(
        check="quality", measure="Tug-of-war", records="", unit="0 to 1",
        values={**values, "references": metrics.spread(floor)}, says=TOGETHER,
    )  # fmt: skip


def _tug_of_war(bench: Bench, who: str, names: list[str]) -> Estimate:
    """That of a judged model, beside references on the same records."""
    masks = [bench.stays(name, who) for name in names]
    own = _of_references(bench, masks)
    found = _tow(_accuracies(bench, bench.judged[who], masks), own)
    return Estimate(found, np.nan, np.nan, len(own))


def _of_references(bench: Bench, masks: list[Array]) -> Array:
    """Accuracies (N, sets)."""
    return np.array([_accuracies(bench, z, masks) for z in bench.references])


def _accuracies(bench: Bench, z: Array, masks: list[Array]) -> Array:
    right = z.argmax(1) == bench.y
    return np.array([right[mask].mean() for mask in masks])


def _tow(own: Array, references: Array) -> float:
    return float(np.prod(1 - np.abs(own - references.mean(0))))


def _judged_on(bench: Bench) -> str:
    """The records by which it is judged whether quality was lost: test, or kept where there is none."""
    return TEST if bench.sets[TEST].any() else KEPT


def lost(bench: Bench) -> Estimate:
    """Quality on test records below that of references: points of accuracy, or share of their error.

    The interval is the prediction interval of one more reference at the audit's level on each side.
    """
    from scipy.stats import t

    inside, count = bench.sets[_judged_on(bench)], len(bench.references)
    own = np.array([_quality(bench, z, inside).value for z in bench.references])
    after = _quality(bench, bench.judged["after"], inside).value
    regression = bench.task == "regression"
    unit = float(own.mean()) or 1.0
    gap = (after - own.mean()) / unit if regression else own.mean() - after
    scale = float(own.std(ddof=1)) / (unit if regression else 1.0)
    reach = float(t.ppf(1 - bench.marks.level, count - 1)) * scale * np.sqrt(1 + 1 / count)
    return Estimate(float(gap), float(gap - reach), float(gap + reach), count)
