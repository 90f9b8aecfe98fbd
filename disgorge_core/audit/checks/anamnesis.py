"""Time to learn the removed records again: the anamnesis index (Chundawat et al., arXiv 2201.05629).

Every model is trained further on everything, the removed records included, at the mean learning rate of the
recipe. r is the number of epochs until its accuracy on the removed records is back within 5 points of the
original's, between epochs by a straight line; momentum starts afresh with each epoch. Then

    AIN = r of the model / median r of references.

1 is ideal; well below 1 the records are learnt again faster than new ones, so something of them was kept;
well above 1 they were pushed away, which can be seen as well. The interval is that of one more reference,
r ± t √(1 + 1/N) sd(r of references), in the same unit; the floor is each reference against the others.

Fooled by: a rate so high that all models are back within an epoch. Not measurable where references answer the
removed records as the original does, without having seen them, nor where the model and most references need
more epochs than are given. It describes and decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from disgorge_core.audit import more_training as more
from disgorge_core.audit.bench import REMOVED, Bench
from disgorge_core.audit.contract import Measured, needs_references
from disgorge_core.errors import Diverged
from disgorge_core.metrics import spread
from disgorge_core.models.prediction import logits
from disgorge_core.params import param
from disgorge_core.registry import CHECKS
from disgorge_core.types import About, Array, Estimate, Finding, Marks, Model, Recipe

REFERENCES = 9  # models without the records that are timed, at most
NEAR = 0.05  # share of the removed records: as good as the original's accuracy
KNOWN = (
    "References that never saw the removed records answer them about as often right as the original, so "
    "there is nothing to learn again."
)
SAYS = (
    "Epochs until the removed records are answered as before when everything is trained on again, as a "
    "multiple of what references need (median {median:.1f} epochs). 1 is ideal, below 1 something was kept."
)
CAPPED = "After {cap} epochs these were not back, and count as {cap}: {who}."


@CHECKS.register
@dataclass(frozen=True)
class Anamnesis:
    """Epochs to learn the removed records again, as a multiple of what references need."""

    name, title, order = "anamnesis", "Time to learn the records again", 72
    tasks, about = ("classification",), About.MODEL

    cap: int = param(
        10, label="Epochs at most", help="Passes over all records, at most", min=1, max=100
    )

    def why_not(self, bench: Bench) -> str | None:
        """References that have something to learn, and models that can be trained further."""
        reason = needs_references(bench) or more.why_not_further(bench)
        if reason:
            return reason
        inside, timed = bench.sets[REMOVED], bench.references[:REFERENCES]
        shares = (timed[:, inside].argmax(2) == bench.y[inside]).mean(1)
        return KNOWN if np.quantile(shares, 0.75) >= _mark(bench) else None

    def price(self, marks: Marks, recipe: Recipe) -> float:
        """All judged models and some references for at most so many epochs, in full trainings."""
        return (more.JUDGED + min(marks.references, REFERENCES)) * self.cap / recipe.epochs

    def run(self, bench: Bench) -> Sequence[Measured]:
        """One finding, on the removed records."""
        names = [who for who in bench.judged if who != "before"]
        models = [*(bench.models[who] for who in names), *bench.reference_models[:REFERENCES]]
        try:
            epochs = _timed(bench, models, self.cap)
        except Diverged:
            nothing = {"after": Estimate(np.nan, np.nan, np.nan, 0)}
            return [Measured(self._finding(nothing, more.DIVERGED))]
        own, level = epochs[len(names) :], bench.marks.level
        values = {
            who: index(r, own, self.cap, level) for who, r in zip(names, epochs, strict=False)
        }
        among = [index(r, np.delete(own, i), self.cap, level).value for i, r in enumerate(own)]
        values["references"] = spread(np.array(among))
        says = SAYS.format(median=float(np.median(own)))
        return [Measured(self._finding(values, f"{says} {self._capped(names, epochs)}".strip()))]

    def _finding(self, values: dict[str, Estimate], says: str) -> Finding:
        return Finding(self.name, self.title, REMOVED, "times", values, says=says)

    def _capped(self, names: list[str], epochs: Array) -> str:
        late = epochs >= self.cap
        who = [name for name, yes in zip(names, late, strict=False) if yes]
        count = int(late[len(names) :].sum())
        who += [f"{count} references"] if count else []
        return CAPPED.format(cap=self.cap, who=", ".join(who)) if who else ""


def index(epochs: float, references: Array, cap: float, level: float) -> Estimate:
    """The anamnesis index of one model; not a number where nobody is back within the cap."""
    from scipy.stats import t

    middle, count = float(np.median(references)), len(references)
    if min(epochs, middle) >= cap:
        return Estimate(np.nan, np.nan, np.nan, count)
    reach = float(t.ppf(1 - level, count - 1) * references.std(ddof=1) * np.sqrt(1 + 1 / count))
    low, high = max(0.0, epochs - reach), epochs + reach
    return Estimate(float(epochs) / middle, low / middle, high / middle, count)


def _mark(bench: Bench) -> float:
    """The accuracy on the removed records that counts as that of the original."""
    inside = bench.sets[REMOVED]
    return float((bench.judged["before"][inside].argmax(1) == bench.y[inside]).mean()) - NEAR


def _timed(bench: Bench, models: Sequence[Model], cap: int) -> Array:
    """Epochs (K,) until each model's accuracy reaches the mark; the cap for those that do not."""
    recipe, mark = bench.models["before"].recipe, _mark(bench)
    assert recipe is not None and bench.keep is not None
    rows = bench.rows[bench.sets[REMOVED]]
    everything = bench.keep.copy()
    everything[rows] = True
    state = [replace(model, rule="mean", artefacts={}) for model in models]
    curves = [[_accuracy(bench, model, rows)] for model in state]
    for epoch in range(cap):
        waiting = [k for k, curve in enumerate(curves) if curve[-1] < mark]
        if not waiting:
            break
        trained = more.trained(
            [state[k] for k in waiting], bench.data, everything, more.short(recipe, 1),
            bench.marks.seed + 1000 * epoch, more.part_of(bench.report, epoch, cap),
        )  # fmt: skip
        for k, model in zip(waiting, trained, strict=True):
            state[k] = model
            curves[k].append(_accuracy(bench, model, rows))
    return np.array([reached(curve, mark, cap) for curve in curves])


def reached(curve: Sequence[float], mark: float, cap: int) -> float:
    """Epochs until accuracies after 0, 1, 2 ... epochs reach the mark, by straight lines between them."""
    if curve[-1] < mark:
        return float(cap)
    if len(curve) == 1:
        return 0.0
    before, after = curve[-2:]
    return len(curve) - 1 - (after - mark) / (after - before)


def _accuracy(bench: Bench, model: Model, rows: Array) -> float:
    return float((logits(model, bench.data.take(rows)).argmax(1) == bench.data.y[rows]).mean())
