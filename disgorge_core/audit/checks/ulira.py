"""U-LiRA: can an attacker tell, record by record, whether a model came out of the method or never saw it?

Hayes et al., arXiv 2403.01218, after Carlini et al., arXiv 2112.03570. The confidence is ln p / (1 - p), the
margin. For each removed record x a normal distribution is fitted to the confidences of models that the
method was run on, another to those of references, and a model is attacked by the likelihood ratio

    s = ln N(conf; μ_U(x), σ_U(x)) - ln N(conf; μ_R(x), σ_R(x)).

Members are (model out of the method, x), non-members (reference, x): AUC, where a half is guessing, and the
share of members found at 1 % false alarms, which is not measurable below 100 non-members.

A model is never among those that its distribution was fitted to. With one model left out at a time the AUC
of equal ensembles is below a half (its own side's mean moves away from it), so a fifth of both sides is left
out together, attacked, and the AUC of the five fifths averaged: for equal ensembles a half is then expected.
Intervals: Student's t over the fifths with Nadeau and Bengio's correction for overlap (Machine Learning
52:239, 2003), and at least as wide as over the answers within one fifth. Floor: references against other
references at the same sizes. Before: twins in the method's place.

Fooled by models that answer everything alike (arXiv 2602.16400): read it beside KLoM.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from disgorge_core import metrics
from disgorge_core.audit.bench import REMOVED, Bench
from disgorge_core.audit.contract import Measured
from disgorge_core.audit.ensembles import (
    SHARED_OUT,
    averaged,
    left_out,
    shuffled_p,
    size_of,
    splits,
    why_not_repeated,
)
from disgorge_core.audit.roc import FALSE_ALARMS, auc, found_at_few_alarms
from disgorge_core.metrics import spread
from disgorge_core.registry import CHECKS
from disgorge_core.types import About, Array, Estimate, Finding

FOLDS = 5
AREA, CAUGHT = "U-LiRA attack (AUC)", "U-LiRA: found at 1 % false alarms"
SAYS = {
    AREA: "How often an attacker who knows the method ranks one of its models above a model that never saw "
    "the records: 0.5 is guessing.",
    CAUGHT: "Models out of the method that the attack names while it is wrong about 1 % of references.",
}
FEW = (
    " What it finds at 1 % false alarms is not measurable: that needs {need} answers of references at once, "
    "and there are {count}."
)


@CHECKS.register
@dataclass(frozen=True)
class Ulira:
    """Likelihood-ratio attack on the removed records, over many models."""

    name, title, order, about = "ulira", "U-LiRA attack", 92, About.PROCEDURE
    tasks = ("classification",)

    def why_not(self, bench: Bench) -> str | None:
        """At least twenty repeats and references."""
        return why_not_repeated(bench)

    def run(self, bench: Bench) -> Sequence[Measured]:
        """The area, and what is found at 1 % where it can be measured."""
        attacks = _Attacks(bench)
        return [Measured(finding) for finding in attacks.findings()]


Scored = tuple[Array, Array]  # scores of members and of others


def scores(ours: Array, references: Array, least: float) -> list[Scored]:
    """Scores of both ensembles (K, k) and (N, k), fifth by fifth, each by the models of the other fifths."""
    folds = [np.arange(len(stack)) % FOLDS for stack in (ours, references)]
    found = []
    for fold in range(FOLDS):
        out, out_of_references = (places == fold for places in folds)
        fits = _normal(ours[~out], least), _normal(references[~out_of_references], least)
        found.append((_ratio(ours[out], *fits), _ratio(references[out_of_references], *fits)))
    return found


Normal = tuple[Array, Array]


def _normal(stack: Array, least: float) -> Normal:
    return stack.mean(0), np.sqrt(stack.var(0, ddof=1) + least**2)


def _ratio(stack: Array, ours: Normal, references: Normal) -> Array:
    """ln of the ratio of the densities, (models · records,)."""
    logs = [-(((stack - mean) / sd) ** 2) / 2 - np.log(sd) for mean, sd in (ours, references)]
    return np.asarray((logs[0] - logs[1]).ravel())


def area(scored: Sequence[Scored]) -> Estimate:
    """The AUC, averaged over the fifths."""
    return _widest([auc(*one) for one in scored])


def caught(scored: Sequence[Scored]) -> Estimate:
    """Share of members above the score that at most 1 % of others exceed."""
    return _widest([found_at_few_alarms(*one) for one in scored])


def _widest(each: Sequence[Estimate]) -> Estimate:
    """Over the fifths, and at least as wide as within one: fifths that all agree leave no spread."""
    over, within = _over_folds([e.value for e in each]), averaged(each)
    return Estimate(over.value, min(over.low, within.low), max(over.high, within.high), over.n)


def _over_folds(values: Sequence[float]) -> Estimate:
    """Mean over the fifths; their spread counts 1 / 5 + 1 / 4 times."""
    mean = float(np.mean(values))
    scale = float(np.std(values, ddof=1)) * math.sqrt(1 / FOLDS + 1 / (FOLDS - 1))
    half = metrics.t_point(FOLDS - 1) * scale
    return Estimate(mean, max(0.0, mean - half), min(1.0, mean + half), FOLDS)


class _Attacks:
    """The attack on all ensembles of a bench."""

    def __init__(self, bench: Bench) -> None:
        self._bench, inside = bench, bench.sets[REMOVED]
        self._others = size_of(bench) // FOLDS * int(inside.sum())
        self._measures = [area, caught] if self._others >= FALSE_ALARMS else [area]
        self._each: dict[str, list[list[Estimate]]] = {}
        for split in splits(bench):
            for who, stack in {"references": split.floor, **split.ensembles}.items():
                scored = scores(stack[:, inside], split.references[:, inside], bench.least)
                self._each.setdefault(who, []).append([m(scored) for m in self._measures])
        references = bench.margins["references"][:, inside]
        self._p = {
            who: shuffled_p(stack[:, inside], references, self._values, bench.marks.seed)
            for who, stack in bench.ensembles.items()
        }

    def _values(self, ours: Array, references: Array) -> list[float]:
        scored = scores(ours, references, self._bench.least)
        return [measure(scored).value for measure in self._measures]

    def findings(self) -> list[Finding]:
        few = FEW.format(need=FALSE_ALARMS, count=self._others)
        more = [few if len(self._measures) == 1 else "", ""]
        named = zip((AREA, CAUGHT), ("AUC", "share"), more, strict=True)
        return [
            self._finding(k, measure, unit, SAYS[measure] + said)
            for k, (measure, unit, said) in enumerate(named)
            if k < len(self._measures)
        ]

    def _finding(self, k: int, measure: str, unit: str, says: str) -> Finding:
        values = {who: averaged([one[k] for one in own]) for who, own in self._each.items()}
        values["references"] = spread(np.array([one[k].value for one in self._each["references"]]))
        return Finding(
            check="ulira", measure=measure, records=REMOVED, unit=unit, values=values,
            odds={who: p[k] for who, p in self._p.items()}, about=About.PROCEDURE,
            says=says + SHARED_OUT + left_out(self._bench),
        )  # fmt: skip
