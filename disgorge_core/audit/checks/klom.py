"""KLoM: how far the answers that the procedure leads to are spread from those of references.

At each record, U is the histogram of the margins of models that the method was run on, and R that of as many
references: 20 bins over the joint range of both, margins clipped at ±100,

    KLoM(x) = KL(U ‖ R) = Σ_b U_b ln(U_b / max(R_b, 1e-5))   nats, at most ln 1e5 = 11.5

in this direction (Georgiev et al., arXiv 2410.23232): an answer that the method leads to and references
never give weighs heavily. Mean and 95th percentile over removed, kept and test records.

Histograms of few models are coarse, so KLoM is well above 0 for references among themselves and falls with
their number: about 5 at 10 models, 3 at 20, 0.9 at 50. A value means nothing but beside its floor at equal
sizes (see `ensembles`). Intervals are over records. Blind to what margins do not show, and to how the errors
of different records hang together. Residuals of numbers are taken in standard deviations of the targets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from disgorge_core import metrics
from disgorge_core.audit.bench import KEPT, REMOVED, TEST, Bench
from disgorge_core.audit.contract import BOTH, Measured
from disgorge_core.audit.ensembles import (
    SHARED_OUT,
    averaged,
    left_out,
    shuffled_p,
    size_of,
    splits,
    why_not_repeated,
)
from disgorge_core.metrics import spread
from disgorge_core.registry import CHECKS
from disgorge_core.types import About, Array, Estimate, Finding

MOST = -float(np.log(metrics.KLOM_LEAST))
WORST = 0.95
MEASURES = ("KLoM, mean", "KLoM, 95th percentile")
SAYS = {
    REMOVED: "How unlike those of references the answers about removed records are, over many originals.",
    KEPT: "The same for records that stay: what the procedure changes besides.",
    TEST: "The same for records that no model was trained on.",
}
SIZES = " Taken of {n} models and {n} references; references among themselves show the band."


@CHECKS.register
@dataclass(frozen=True)
class Klom:
    """KL divergence of margins, on removed, kept and test records."""

    name, title, order, tasks, about = "klom", "KLoM", 90, BOTH, About.PROCEDURE

    def why_not(self, bench: Bench) -> str | None:
        """At least twenty repeats and references."""
        return why_not_repeated(bench)

    def run(self, bench: Bench) -> Sequence[Measured]:
        """Mean and 95th percentile, for each set."""
        found: list[Measured] = []
        for records, inside in bench.sets.items():
            if inside.any():
                found += _on(bench, records)
        return found


def _on(bench: Bench, records: str) -> list[Measured]:
    """Both findings about one set of records."""
    unit = float(np.std(bench.data.y)) or 1.0 if bench.task == "regression" else 1.0
    held = {who: bench.stays(records, who) for who in (*bench.ensembles, "references")}
    each: dict[str, list[tuple[Estimate, Estimate]]] = {}
    for split in splits(bench):
        for who, stack in {"references": split.floor, **split.ensembles}.items():
            inside = held[who]
            own = metrics.klom(stack[:, inside] / unit, split.references[:, inside] / unit)
            each.setdefault(who, []).append((metrics.mean_estimate(own), _percentile(own)))
    p = {
        who: shuffled_p(
            stack[:, held[who]] / unit, bench.margins["references"][:, held[who]] / unit, _measures,
            bench.marks.seed,
        )
        for who, stack in bench.ensembles.items()
    }  # fmt: skip
    return [_finding(bench, records, which, each, p) for which in range(len(MEASURES))]


def _finding(
    bench: Bench, records: str, which: int, each: dict[str, list[tuple[Estimate, Estimate]]],
    p: dict[str, list[float]],
) -> Measured:  # fmt: skip
    values = {who: averaged([e[which] for e in own]) for who, own in each.items()}
    values["references"] = spread(np.array([e[which].value for e in each["references"]]))
    says = SAYS[records] + SIZES.format(n=size_of(bench)) + SHARED_OUT + left_out(bench)
    finding = Finding(
        check="klom", measure=MEASURES[which], records=records, unit="nats", values=values,
        odds={who: own[which] for who, own in p.items()}, about=About.PROCEDURE, says=says,
    )  # fmt: skip
    return Measured(finding)


def _measures(ours: Array, references: Array) -> tuple[float, float]:
    own = metrics.klom(ours, references)
    return float(own.mean()), float(np.quantile(own, WORST))


def _percentile(values: Array) -> Estimate:
    """The 95th percentile of values (n,), with the order statistics that hold it at 95 %."""
    n, ordered = len(values), np.append(np.sort(values), MOST)
    half = metrics.Z95 * np.sqrt(n * WORST * (1 - WORST))
    low, high = (
        int(np.clip(place, 0, n)) for place in (n * WORST - half - 1, np.ceil(n * WORST + half))
    )
    return Estimate(float(np.quantile(values, WORST)), float(ordered[low]), float(ordered[high]), n)
