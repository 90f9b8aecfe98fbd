"""Train twins by the recipe that the user stated, and see whether the model looks like one of them."""

from __future__ import annotations

from dataclasses import dataclass

from disgorge_core.errors import NotApplicable
from disgorge_core.jobs.parts import part
from disgorge_core.jobs.references import references
from disgorge_core.jobs.task import QUEUE, Desk
from disgorge_core.methods.contract import seen_by
from disgorge_core.models.prediction import logits
from disgorge_core.recipe_check import among, measured
from disgorge_core.registry import TASKS
from disgorge_core.runs import TaskResult
from disgorge_core.types import Progress
from disgorge_core.words import reservation


@TASKS.register
@dataclass(frozen=True)
class Twins:
    """Values: "model", "recipe" (digest), and those of `RecipeCheck.plain()`."""

    model: str
    number: int = 5

    name = "twins"
    title = "Check the stated recipe"
    lanes = (QUEUE,)

    def run(self, desk: Desk) -> TaskResult:
        """Train the twins that are missing, measure them and the model, compare."""
        model, data = desk.model(self.model), desk.data
        if model.recipe is None or model.seen is None:
            key = "no recipe" if model.recipe is None else "no records"
            raise NotApplicable("Twins cannot be trained.", reservation(key))
        trained = seen_by(model, data)
        report = part(desk.report, 0.0, 0.95, "Twins")
        twins = references(desk, model, trained, self.number, {model.recipe.seed}, report)
        desk.report(Progress(0.95, "Measuring the model among its twins"))
        rows = [measured(logits(twin, data.x), data, trained) for twin in twins]
        found = among(measured(logits(model, data.x), data, trained), rows)
        return TaskResult({"model": self.model, "recipe": model.recipe.digest, **found.plain()})
