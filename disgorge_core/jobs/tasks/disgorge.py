"""Disgorge a forget set by one method and compare the result beside references."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from disgorge_core import disgorging
from disgorge_core.comparison import Comparison, compare
from disgorge_core.foresight import held
from disgorge_core.jobs.foretold import Foretold, foretold
from disgorge_core.jobs.parts import part
from disgorge_core.jobs.references import missing_references, references, why_no_references
from disgorge_core.jobs.task import QUEUE, Desk
from disgorge_core.jobs.uploaded import uploaded_references, usable
from disgorge_core.methods.contract import Facts
from disgorge_core.params import make
from disgorge_core.registry import METHODS, TASKS
from disgorge_core.runs import TaskResult
from disgorge_core.types import Dataset, ForgetSet, Model, Outcome, Progress
from disgorge_core.words import reservation

LEAST = 0.02  # of a full training: what loading, comparing and storing cost at least


@TASKS.register
@dataclass(frozen=True)
class Disgorge:
    """Adds the new model to the case; values: "outcome", "before", "after", "forget", "references".

    "uploaded" counts those references that the user brought for the forget set; they come last. Arrays:
    those of `Comparison.arrays()`, and where influence can speak of the model "predicted" (m, c), the change
    of logits that it predicted for "predicted_rows" (m,) before anything ran. "prediction" says how well that
    held ("held", rows of `foresight.Held`), its "notes", and else "why_not".

    `marks` are the pass marks of a later audit (fields of `Marks`): they stand in the request, so they are
    fixed before anything is run.
    """

    model: str
    forget: str
    method: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    references: int = 5
    marks: Mapping[str, Any] = field(default_factory=dict)

    name = "disgorge"
    title = "Disgorge and compare"
    lanes = (QUEUE,)

    def run(self, desk: Desk) -> TaskResult:
        """Run the method, train the references that are missing, compare, store."""
        before, forget = desk.model(self.model), desk.forget(self.forget)
        earlier = earlier_removals(desk, before)
        facts = disgorging.facts_for(before, desk.data, forget, earlier)
        share = self._share_of_method(desk, facts)
        desk.report(Progress(0.0, "Predicting the effect"))
        prediction = foretold(desk, self.model, forget.mask(desk.data))
        outcome = disgorging.disgorge(
            before, desk.data, forget, self.method, seed=self.seed, settings=self.settings,
            excluded=earlier, report=part(desk.report, 0.0, share),
        )  # fmt: skip
        trained = self._references(desk, facts, share)
        brought = uploaded_references(desk.cases, desk.case_id, self.forget)
        uploaded = usable(brought, earlier)
        beside = [*trained, *uploaded]
        desk.report(Progress(0.97, "Comparing and storing"))
        masks = [one.mask(desk.data) for one in earlier]
        gone = np.logical_or.reduce(masks) if masks else None
        comparison = compare(before, outcome.model, desk.data, forget.mask(desk.data), beside, gone)
        after = desk.cases.add_model(desk.case_id, outcome.model)
        values = {
            "outcome": plain_outcome(outcome, self._notes(facts, len(uploaded), len(brought))),
            "before": self.model,
            "after": after,
            "references": len(beside),
            "uploaded": len(uploaded),
            "forget": self.forget,
            "prediction": plain_prediction(prediction, comparison, desk.data),
        }
        return TaskResult(values, {**comparison.arrays(), **prediction.arrays()})

    def _notes(self, facts: Facts, uploaded: int, brought: int) -> list[str]:
        reason = why_no_references(facts) if self.references else None
        said = [reason] if reason else []
        said += [reservation("uploaded references", uploaded)] if uploaded else []
        left = brought - uploaded
        return said + ([reservation("references left out", left)] if left else [])

    def _wanted(self, facts: Facts) -> int:
        return 0 if why_no_references(facts) else self.references

    def _share_of_method(self, desk: Desk, facts: Facts) -> float:
        """How much of the bar the method gets: its price against that of the missing references."""
        method = make(METHODS[self.method], self.settings)
        applies = disgorging.why_not(method, facts) is None
        price = max(LEAST, method.price(facts) if applies else LEAST)
        missing = missing_references(desk, facts.model, facts.keep, self._wanted(facts))
        return 0.97 * price / (price + missing * facts.n_keep / facts.n_train)

    def _references(self, desk: Desk, facts: Facts, share: float) -> list[Model]:
        taken = {self.seed, facts.recipe.seed} if facts.recipe else set()
        report = part(desk.report, share, 0.97, "Reference models")
        return references(desk, facts.model, facts.keep, self._wanted(facts), taken, report)


def earlier_removals(desk: Desk, model: Model) -> list[ForgetSet]:
    """The forget sets that this model is already rid of, as far as the case holds them."""
    known = {forget.digest: forget for _, forget, _ in desk.cases.forget_sets(desk.case_id)}
    return [known[digest] for digest in model.lineage.excluded if digest in known]


def plain_prediction(found: Foretold, comparison: Comparison, data: Dataset) -> dict[str, Any]:
    """What JSON can hold of a prediction: how well it held, its notes, or why there is none."""
    if found.why_not:
        return {"why_not": found.why_not, "notes": [], "held": []}
    measured = held(comparison, data, found.rows, found.change)
    return {"why_not": "", "notes": list(found.notes), "held": measured}


def plain_outcome(outcome: Outcome, notes: list[str]) -> dict[str, Any]:
    """What JSON can hold of an outcome: everything but the models and the records."""
    kind = METHODS[outcome.method]
    return {
        "method": outcome.method,
        "title": kind.title,
        "family": kind.family.value,
        "tier": outcome.tier.value,
        "claim": outcome.claim,
        "cost": asdict(outcome.cost),
        "effect": outcome.effect,
        "bound": outcome.bound,
        "distance": float(outcome.distance),
        "notes": [*outcome.notes, *notes],
        "figures": {name: float(value) for name, value in outcome.figures.items()},
        "settings": dict(outcome.settings),
        "seed": outcome.seed,
    }
