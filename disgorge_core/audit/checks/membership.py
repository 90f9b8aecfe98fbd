"""Membership attack on each record: do answers give away which records were trained on?

RMIA (Zarifzadeh, Liu and Shokri, arXiv 2312.03262; offline, a = 1). With p(x) the model's probability of
the record's own class and p̄(x) its mean over references, which never saw the removed records, the score of
x is the share of population records z (test records, x itself left out) for which

    (p(x) / p̄(x)) / (p(z) / p̄(z)) ≥ γ,

taken in logarithms, to four decimals because below that lies rounding, and equal ones count by half. Members
are the removed records, non-members the test records: AUC, and the share found at 1 % false alarms, which
is not measurable below 100 non-members. Floor: each reference attacked by the others.

Attacks on a population (one threshold for all records) are weak; this one is measured against what models
without the record say to that very record. It is evidence, not proof: a stronger attack may find more, and
answers pushed the other way go unseen here (see `streisand`). An honest model is not always at ½: where
references are unsure of a record, their mean lies above most of them, so that records with wrong labels score
low and kept ones, of which all are sure, high. So compare with the references. These were trained on the
kept records: above them, the removal of others exposed the records that stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from disgorge_core import metrics
from disgorge_core.audit.bench import KEPT, REMOVED, TEST, Bench
from disgorge_core.audit.contract import Measured, needs_references, odds
from disgorge_core.audit.ranks import Ranked
from disgorge_core.audit.roc import FALSE_ALARMS, auc, auc_of, found_at_few_alarms
from disgorge_core.params import param
from disgorge_core.registry import CHECKS
from disgorge_core.types import About, Array, Estimate, Finding

DECIMALS = 4  # nats; answers are 32-bit numbers
NO_OTHERS = "It needs at least two test or validation records that no model was trained on."
SAYS = {
    REMOVED: "How often the attack ranks a removed record above a test record. Usual is not always a half, "
    "but where models stand that never saw the removed records; above it the answers give them away.",
    KEPT: "The same for records that stay, which references saw too: above these, the removal exposed the "
    "records that stay.",
}
CAUGHT = {
    REMOVED: "Removed records that the attack names while it is wrong about at most 1 % of test records.",
    KEPT: "Records that stay and that the attack names while it is wrong about at most 1 % of test records.",
}
FEW = (
    " What it finds at 1 % false alarms is not measurable: that needs {need} test records, and there are "
    "{count}."
)


@CHECKS.register
@dataclass(frozen=True)
class Membership:
    """RMIA on removed and kept records against test records."""

    gamma: float = param(
        1.0, help="How many times more than a population record's the answer must have risen",
        min=0.1, max=10, advanced=True,
    )  # fmt: skip

    name, title, order, about = "membership", "Membership attack on each record", 50, About.MODEL
    tasks = ("classification",)

    def why_not(self, bench: Bench) -> str | None:
        """At least three references and two test records."""
        return needs_references(bench) or (NO_OTHERS if bench.sets[TEST].sum() < 2 else None)

    def run(self, bench: Bench) -> Sequence[Measured]:
        """The area for removed and for kept records, and what is found at 1 % where it can be measured."""
        judged, own = log_ratios(bench)
        found: list[Finding] = []
        for records in (REMOVED, KEPT):
            if bench.sets[records].any():
                found += _Attack(bench, records, judged, own, self.gamma).findings()
        return [Measured(finding) for finding in found]


def log_ratios(bench: Bench) -> tuple[dict[str, Array], Array]:
    """log p - log p̄ of each judged model (m,), and of each reference (N, m) by the others' mean."""
    own = np.stack([-metrics.nll(z, bench.y) for z in bench.references])
    middle = np.logaddexp.reduce(own, axis=0) - np.log(len(own))
    judged = {who: -metrics.nll(z, bench.y) - middle for who, z in bench.judged.items()}
    rounded = {who: ratio.round(DECIMALS) for who, ratio in judged.items()}
    return rounded, (own - _log_mean_of_others(own)).round(DECIMALS)


def _log_mean_of_others(logs: Array) -> Array:
    """log of the mean over all rows but one (N, m), for each one, without taking differences."""
    nothing = np.full((1, logs.shape[1]), -np.inf)
    before = np.concatenate([nothing, np.logaddexp.accumulate(logs, axis=0)[:-1]])
    after = np.concatenate([nothing, np.logaddexp.accumulate(logs[::-1], axis=0)[:-1]])[::-1]
    return np.asarray(np.logaddexp(before, after) - np.log(len(logs) - 1))


def scores(ratios: Array, population: Array, gamma: float = 1.0) -> Array:
    """Share (k,) of the population's log ratios (n,) that each log ratio exceeds by log γ or more."""
    return np.asarray(_reached(ratios, population, gamma) / len(population))


def scores_within(population: Array, gamma: float = 1.0) -> Array:
    """The same (n,) for the population's own records, each left out of it."""
    itself = _reached(np.zeros(1), np.zeros(1), gamma)
    return np.asarray((_reached(population, population, gamma) - itself) / (len(population) - 1))


def _reached(ratios: Array, population: Array, gamma: float) -> Array:
    ordered, bars = np.sort(population), ratios - np.log(gamma)
    below, upto = (np.searchsorted(ordered, bars, side) for side in ("left", "right"))
    return np.asarray((below + upto) / 2)


Scored = tuple[Array, Array]  # scores of members and of others


@dataclass(frozen=True, eq=False)
class _Attack:
    """The attack on one set of records, with the log ratios of all models."""

    bench: Bench
    records: str
    judged: Mapping[str, Array]
    own: Array
    gamma: float

    def findings(self) -> list[Finding]:
        each = {who: self._scores(ratio, who) for who, ratio in self.judged.items()}
        floor = [self._scores(ratio, "references") for ratio in self.own]
        found = [self._area(each, floor)]
        if self._others() >= FALSE_ALARMS:
            found.append(self._caught(each, floor))
        return found

    def _others(self) -> int:
        return int(self.bench.sets[TEST].sum())

    def _scores(self, ratio: Array, who: str) -> Scored:
        inside, population = (
            ratio[self.bench.stays(self.records, who)],
            ratio[self.bench.sets[TEST]],
        )
        return scores(inside, population, self.gamma), scores_within(population, self.gamma)

    def _area(self, each: Mapping[str, Scored], floor: Sequence[Scored]) -> Finding:
        few = FEW.format(need=FALSE_ALARMS, count=self._others())
        values = {who: auc(*scored) for who, scored in each.items()}
        return self._finding(
            "Membership attack (AUC)", "AUC", values, np.array([auc_of(*s) for s in floor]),
            SAYS[self.records] + (few if self._others() < FALSE_ALARMS else ""),
            self._by_record(each),
        )  # fmt: skip

    def _caught(self, each: Mapping[str, Scored], floor: Sequence[Scored]) -> Finding:
        values = {who: found_at_few_alarms(*scored) for who, scored in each.items()}
        own = np.array([found_at_few_alarms(*scored).value for scored in floor])
        says = CAUGHT[self.records]
        return self._finding("Found at 1 % false alarms", "share", values, own, says, {})

    def _finding(
        self, measure: str, unit: str, values: dict[str, Estimate], own: Array, says: str,
        arrays: Mapping[str, Array],
    ) -> Finding:  # fmt: skip
        ranked = Ranked({who: e.value for who, e in values.items()}, own)
        return Finding(
            check="membership", measure=measure, records=self.records, unit=unit,
            values=values | {"references": metrics.spread(own)}, odds=odds(ranked), says=says,
            arrays=arrays,
        )  # fmt: skip

    def _by_record(self, each: Mapping[str, Scored]) -> dict[str, Array]:
        """Rows of the dataset, scores before and after, and the ratio's rank p after among references.

        Of so many records one in N + 1 has the lowest p by chance.
        """
        inside = self.bench.sets[self.records]
        at_least = (self.own[:, inside] >= self.judged["after"][inside]).sum(0)
        named = {who: each[who][0] for who in ("before", "after")}
        return {"rows": self.bench.rows[inside], **named, "p": (1 + at_least) / (len(self.own) + 1)}
