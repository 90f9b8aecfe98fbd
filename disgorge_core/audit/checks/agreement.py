"""Agreement with the references: does the model answer as models do that never saw the records?

Two models are compared record by record: whether their answers are the same, and the Jensen-Shannon
divergence of their probabilities, JS(p, q) = ½ KL(p‖m) + ½ KL(q‖m) with m = (p + q) / 2, in nats, at most
ln 2 (Lin 1991); for numbers, the size of the difference. Averaged over records and over references; each
reference is compared with the others in the same way, and this is the floor: two honest trainings never
agree on everything.

What fools it: records that every model answers alike, the removed ones or not, hide a difference in
few; a method may match the answers and keep the confidence, which JS sees and agreement does not. Closeness
on average does not show removal (see `membership`). Pairs grow with the square of the references, so that
the first 50 are compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from disgorge_core import metrics
from disgorge_core.audit.bench import KEPT, REMOVED, TEST, Bench
from disgorge_core.audit.contract import BOTH, Measured, estimates, needs_references, odds
from disgorge_core.audit.ranks import Ranked
from disgorge_core.registry import CHECKS
from disgorge_core.types import About, Array, Estimate, Finding

MOST = 50  # references that are compared
WHERE = {
    REMOVED: "on the removed records",
    KEPT: "on records that stay",
    TEST: "on records that no model was trained on",
}
SAYS = "{what} {where}: beside that of two models that never saw the removed records."


@CHECKS.register
@dataclass(frozen=True)
class Agreement:
    """Share of equal answers and divergence of probabilities; for numbers, mean difference."""

    name, title, order, tasks, about = (
        "agreement",
        "Agreement with references",
        40,
        BOTH,
        About.MODEL,
    )

    def why_not(self, bench: Bench) -> str | None:
        """At least three references."""
        return needs_references(bench)

    def run(self, bench: Bench) -> Sequence[Measured]:
        """One finding a set and measure."""
        measures = (_numbers,) if bench.task == "regression" else (_answers, _divergence)
        found = [_over_sets(bench, measure(bench)) for measure in measures]
        return [Measured(finding) for findings in found for finding in findings]


@dataclass(frozen=True, eq=False)
class _Apart:
    """How far models are apart from references: (m,) of each judged one, (N, m) of each reference."""

    measure: str
    unit: str
    what: str
    judged: Mapping[str, Array]
    references: Array
    interval: Callable[[Array], Estimate]
    alike: bool = False  # shown is 1 - the value


def _over_sets(bench: Bench, apart: _Apart) -> list[Finding]:
    return [_found(bench, apart, name) for name, inside in bench.sets.items() if inside.any()]


def _found(bench: Bench, apart: _Apart, records: str) -> Finding:
    each = {who: values[bench.stays(records, who)] for who, values in apart.judged.items()}
    own = apart.references[:, bench.sets[records]].mean(1)
    ranked = Ranked({who: float(values.mean()) for who, values in each.items()}, own)
    shown = ranked
    if apart.alike:
        each = {who: 1 - values for who, values in each.items()}
        shown = Ranked({who: 1 - v for who, v in ranked.values.items()}, 1 - own)
    intervals = {who: apart.interval(values) for who, values in each.items()}
    return Finding(
        check="agreement", measure=apart.measure, records=records, unit=apart.unit,
        values=estimates(shown, {who: (e.low, e.high, e.n) for who, e in intervals.items()}),
        odds=odds(ranked), says=SAYS.format(what=apart.what, where=WHERE[records]),
    )  # fmt: skip


# --- the three measures -------------------------------------------------------------------------


def _answers(bench: Bench) -> _Apart:
    """Unequal answers. Wilson's interval of a mean of shares is wide enough: none varies more than a hit."""
    answers = {who: z.argmax(1) for who, z in bench.judged.items()}
    judged, own = _pairs(answers, bench.references[:MOST].argmax(2), _unequal)
    return _Apart("Same answer as references", "share", "Share of equal answers", judged, own,
                  metrics.share, alike=True)  # fmt: skip


def _divergence(bench: Bench) -> _Apart:
    given = {who: _probabilities(z) for who, z in bench.judged.items()}
    judged, own = _pairs(given, _probabilities(bench.references[:MOST]), metrics.js)
    return _Apart("Divergence from references (JS)", "nats", "Mean divergence of the probabilities",
                  judged, own, _within_ln2)  # fmt: skip


def _numbers(bench: Bench) -> _Apart:
    given = {who: z[:, 0].astype(np.float64) for who, z in bench.judged.items()}
    judged, own = _pairs(given, bench.references[:MOST, :, 0].astype(np.float64), _difference)
    return _Apart("Difference from references", "unit of the target", "Mean size of the difference",
                  judged, own, _not_negative)  # fmt: skip


def _unequal(a: Array, b: Array) -> Array:
    return np.asarray(a != b, dtype=np.float64)


def _difference(a: Array, b: Array) -> Array:
    return np.abs(a - b)


def _probabilities(z: Array) -> Array:
    raised = np.exp(z - z.max(-1, keepdims=True))
    return np.asarray(raised / raised.sum(-1, keepdims=True))


def _within_ln2(values: Array) -> Estimate:
    found = metrics.mean_estimate(values)
    return Estimate(found.value, max(0.0, found.low), min(math.log(2), found.high), found.n)


def _not_negative(values: Array) -> Estimate:
    found = metrics.mean_estimate(values)
    return Estimate(found.value, max(0.0, found.low), found.high, found.n)


def _pairs(
    judged: Mapping[str, Array], references: Array, between: Callable[[Array, Array], Array]
) -> tuple[dict[str, Array], Array]:
    """Means over references: (m,) of each judged model, (N, m) of each reference over the others."""
    count = len(references)
    own = np.zeros((count, len(references[0])))
    for i in range(count):
        for j in range(i):
            apart = between(references[i], references[j])
            own[i] += apart
            own[j] += apart
    means = {
        who: np.mean([between(z, reference) for reference in references], axis=0)
        for who, z in judged.items()
    }
    return means, own / (count - 1)
