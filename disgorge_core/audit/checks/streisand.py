"""Streisand check: do the removed records stand out more than in the original?

A method that pushes answers away from the records' labels, or towards chance, marks the records: who knows
ordinary answers finds them again (the "Streisand effect" of Golatkar et al., arXiv 1911.04933). For each
model and statistic, AUC = P(the statistic of a removed record > that of a test record): entropy of the
answer -Σ p log p, confidence in the own label, gap between the two largest logits; for numbers, size of the
error. Each is ranked among the references' AUC, whether large or small.

Together: the largest |AUC - mean AUC of references| over the statistics, ranked by the one that is most odd.
Where removed and test records are alike the references' mean is ½, and this is how well one threshold tells
them apart beyond guessing; where they differ in kind (wrong labels) references tell them apart too, and only
what is beyond that is a mark. It is one that the method made, or that it left, if before was alike.

What fools it: one threshold is a weak attack, and marks in other directions go unseen (see `distance`,
`membership`). With two classes entropy and gap have the same order and say the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from disgorge_core import metrics
from disgorge_core.audit.bench import REMOVED, TEST, Bench
from disgorge_core.audit.contract import BOTH, Measured, estimates, needs_references, odds
from disgorge_core.audit.ranks import Ranked, joint_p
from disgorge_core.audit.roc import auc, auc_of
from disgorge_core.registry import CHECKS
from disgorge_core.types import About, Array, Estimate, Finding

NO_OTHERS = "It needs test or validation records that no model was trained on."
SAYS = (
    "How often a removed record has more of it than a test record. Usual is not a half, but where models "
    "stand that never saw the removed records."
)
MOST = (
    "How much better or worse one threshold tells removed from test records than in references, at most. "
    "In the model after, {found}."
)
FOUND = {
    "more": "they stand out more than before, and not as in models that never saw them",
    "odd": "they do not stand out more than before, but not as in models that never saw them either",
    "usual": "they stand out as in models that never saw them, as far as this can tell",
}

Statistic = Callable[[Array, Array], Array]


@CHECKS.register
@dataclass(frozen=True)
class Streisand:
    """Removed against test records by entropy, own label and gap, beside the references."""

    name, title, order, tasks, about = "streisand", "Do they stand out?", 60, BOTH, About.MODEL

    def why_not(self, bench: Bench) -> str | None:
        """At least three references, and test records."""
        return needs_references(bench) or (None if bench.sets[TEST].any() else NO_OTHERS)

    def run(self, bench: Bench) -> Sequence[Measured]:
        """The largest of all statistics, and each of them."""
        named = NUMBERS if bench.task == "regression" else CLASSES
        areas = {name: _areas(bench, statistic) for name, statistic in named.items()}
        ranked = {name: _ranked(*each) for name, each in areas.items()}
        single = [_single(name, areas[name][0], ranked[name]) for name in named]
        return [Measured(f) for f in (_largest(areas, ranked, bench.marks.level), *single)]


# --- statistics: (m,) of logits (m, c) and labels (m,) --------------------------------------------


def entropy(z: Array, _: Array) -> Array:
    """Entropy of the answers in nats."""
    logs = _log_probabilities(z)
    return np.asarray(-(np.exp(logs) * logs).sum(1))


def own_label(z: Array, y: Array) -> Array:
    """Log-probability of the own label, whose order is that of the probability and of the margin."""
    return -metrics.nll(z, y)


def gap(z: Array, _: Array) -> Array:
    """Largest logit minus the second: how far the answer is from any other."""
    two = np.partition(z, -2, axis=1)[:, -2:]
    return np.asarray(two[:, 1] - two[:, 0], dtype=np.float64)


def error(z: Array, y: Array) -> Array:
    """Size of the residual."""
    return np.abs(metrics.residuals(z, y))


def _log_probabilities(z: Array) -> Array:
    lowered = z.astype(np.float64) - z.max(1, keepdims=True)
    return np.asarray(lowered - np.log(np.exp(lowered).sum(1, keepdims=True)))


CLASSES: Mapping[str, Statistic] = {
    "Entropy of the answer": entropy, "Confidence in the own label": own_label,
    "Gap to the next answer": gap,
}  # fmt: skip
NUMBERS: Mapping[str, Statistic] = {"Size of the error": error}


# --- findings -----------------------------------------------------------------------------------

Areas = tuple[dict[str, Estimate], Array]  # of the judged models, and of the references (N,)


def _areas(bench: Bench, statistic: Statistic) -> Areas:
    inside, outside = bench.sets[REMOVED], bench.sets[TEST]

    def split(z: Array) -> tuple[Array, Array]:
        return statistic(z[inside], bench.y[inside]), statistic(z[outside], bench.y[outside])

    judged = {who: auc(*split(z)) for who, z in bench.judged.items()}
    return judged, np.array([auc_of(*split(z)) for z in bench.references])


def _ranked(judged: Mapping[str, Estimate], own: Array) -> Ranked:
    return Ranked({who: e.value for who, e in judged.items()}, own, either=True)


def _single(name: str, judged: Mapping[str, Estimate], ranked: Ranked) -> Finding:
    return Finding(
        check="streisand", measure=name, records=REMOVED, unit="AUC",
        values=estimates(ranked, {who: (e.low, e.high, e.n) for who, e in judged.items()}),
        odds=odds(ranked), says=SAYS,
    )  # fmt: skip


def _largest(areas: Mapping[str, Areas], ranked: Mapping[str, Ranked], level: float) -> Finding:
    judged = next(iter(areas.values()))[0]
    values = {
        who: _best([beyond(each[who], float(own.mean())) for each, own in areas.values()])
        for who in judged
    }
    floor = np.max([_from_others(own) for _, own in areas.values()], axis=0)
    p = {who: joint_p(list(ranked.values()), who) for who in values}
    more = "more" if values["after"].value > values["before"].value else "odd"
    return Finding(
        check="streisand", measure="Told by one threshold", records=REMOVED, unit="AUC beyond usual",
        values=values | {"references": metrics.spread(floor)}, odds=p,
        says=MOST.format(found=FOUND[more if p["after"] <= level else "usual"]),
    )  # fmt: skip


def beyond(area: Estimate, usual: float) -> Estimate:
    """|AUC - usual| with the interval that follows from that of the AUC."""
    ends = abs(area.low - usual), abs(area.high - usual)
    low = 0.0 if area.low <= usual <= area.high else min(ends)
    return Estimate(abs(area.value - usual), low, max(ends), area.n)


def _from_others(own: Array) -> Array:
    return np.abs(own - (own.sum() - own) / (len(own) - 1))


def _best(found: Sequence[Estimate]) -> Estimate:
    """The largest; its interval says nothing of having been chosen, and the references are chosen alike."""
    return max(found, key=lambda e: e.value)
