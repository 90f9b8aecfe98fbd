"""The trace that is left: where the model stands between references (0) and twins (1).

Twins were trained with everything, references without the removed records. On the removed records the
direction from one to the other, u = mean margin of twins - mean margin of references, is what training on
the records leaves (drawn towards 0 by `least`, which counts as none). The projection of a model is
p = Σ w u (m - mean of references) with w = 1 / (var of references + least²), and its trace

    s = (p - mean p of references) / (mean p of twins - mean p of references),

each reference and each twin projected on the direction made without it. The interval is the prediction
interval of one reference, s ± t √(1 + 1/N) sd(s of references), at the audit's level on each side: an honest
model has s near 0 within it. So "no difference" is never concluded from a wide interval: its upper end
must lie below the tolerance that was agreed beforehand.

Where twins and references cannot be told apart by p the trace is not measurable and none is reported. With
no twins the model before stands in for them; then its own chance differences count as trace, and count
twice for methods that start from it. Blind to what moves answers in other directions: see `distance`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from disgorge_core.audit.bench import REMOVED, Bench
from disgorge_core.audit.contract import BOTH, Measured, needs_references, odds
from disgorge_core.audit.ranks import Ranked, beyond, moments_without
from disgorge_core.metrics import spread
from disgorge_core.registry import CHECKS
from disgorge_core.types import About, Array, Estimate, Finding

APART = 2.0  # pooled spreads by which twins and references must differ to speak of a trace
SAYS = (
    "0 is where models stand that never saw the removed records, 1 where models stand that were trained on "
    "everything."
)
BY_BEFORE = (
    "No twins were trained, so the model before stands for what training on the records leaves."
)


@CHECKS.register
@dataclass(frozen=True)
class Trace:
    """Share of the records' trace that is left."""

    name, title, order, tasks, about = "trace", "Trace that is left", 20, BOTH, About.MODEL

    def why_not(self, bench: Bench) -> str | None:
        """References, and a trace that can be told from chance."""
        return needs_references(bench) or (None if traces(bench) else NOT_MEASURABLE)

    def run(self, bench: Bench) -> Sequence[Measured]:
        """One finding, on the removed records."""
        found = traces(bench)
        if found is None:
            return []
        reach = found.reach(bench.marks.level)
        values = {
            who: Estimate(s, s - reach, s + reach, len(found.references))
            for who, s in found.judged.items()
        }
        values["references"] = spread(found.references)
        if len(found.twins):
            values["twins"] = spread(found.twins)
        ranked = Ranked(found.judged, found.references)
        finding = Finding(
            check="trace", measure="Trace that is left", records=REMOVED, unit="share", values=values,
            odds=odds(ranked), says=SAYS if len(found.twins) else f"{SAYS} {BY_BEFORE}",
        )  # fmt: skip
        return [Measured(finding, ranked)]


NOT_MEASURABLE = (
    "Models trained with and without the records cannot be told apart by their answers about them, so "
    "there is no trace to measure at this number of references and twins."
)


@dataclass(frozen=True, eq=False)
class Traces:
    """Trace s of the judged models, and of references (N,) and twins (M,) by the others' yardstick."""

    judged: Mapping[str, float]
    references: Array
    twins: Array

    def reach(self, level: float) -> float:
        """Half the width of the interval for one more model like a reference."""
        from scipy.stats import t

        count = len(self.references)
        point = float(t.ppf(1 - level, count - 1))
        return point * float(self.references.std(ddof=1)) * math.sqrt(1 + 1 / count)


def traces(bench: Bench, margins: Mapping[str, Array] | None = None) -> Traces | None:
    """The traces of all models, from margins (…, m); None where there is none that can be measured."""
    inside = bench.sets[REMOVED]
    cut = {name: m[..., inside] for name, m in (margins or bench.margins).items()}
    references, twins = cut["references"], cut["twins"]
    yard = _Yard(references, twins if len(twins) else cut["before"][None], bench.least)
    judged = {who: yard.project(cut[who]) for who in bench.judged}
    own, with_trace = yard.of_references(), yard.of_twins()
    apart = float(with_trace.mean() - own.mean())
    pooled = math.hypot(
        float(own.std(ddof=1)), float(with_trace.std(ddof=1)) if len(twins) > 1 else 0.0
    )
    if not apart > APART * pooled:
        return None
    scaled = {who: (p - float(own.mean())) / apart for who, p in judged.items()}
    return Traces(
        scaled,
        (own - own.mean()) / apart,
        (with_trace - own.mean()) / apart if len(twins) else np.zeros(0),
    )


@dataclass(frozen=True, eq=False)
class _Yard:
    """Projects margins (k,) on the direction from references (N, k) to twins (M, k)."""

    references: Array
    twins: Array
    least: float

    def project(self, margins: Array) -> float:
        mean, weight = self.references.mean(0), self._weight()
        return float((weight * self._from(mean, self.twins.mean(0)) * (margins - mean)).sum())

    def of_references(self) -> Array:
        mean, variance = moments_without(self.references)
        weight = 1 / (variance + self.least**2)
        return np.asarray(
            (weight * self._from(mean, self.twins.mean(0)) * (self.references - mean)).sum(1)
        )

    def of_twins(self) -> Array:
        if len(self.twins) == 1:
            return np.array([self.project(self.twins[0])])
        mean, weight, count = self.references.mean(0), self._weight(), len(self.twins)
        others = (self.twins.sum(0) - self.twins) / (count - 1)
        return np.asarray((weight * self._from(mean, others) * (self.twins - mean)).sum(1))

    def _from(self, references: Array, twins: Array) -> Array:
        return beyond(twins - references, self.least)

    def _weight(self) -> Array:
        return np.asarray(1 / (self.references.var(0, ddof=1) + self.least**2))
