"""Audit two models of a case that were made elsewhere, or not by one run: only tests speak for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from disgorge_core.auditing import examine, wanted_checks
from disgorge_core.jobs.audits import Locked, plain_report
from disgorge_core.jobs.pairs import limits, pair_of_models
from disgorge_core.jobs.parts import part
from disgorge_core.jobs.task import QUEUE, Desk
from disgorge_core.jobs.tasks.audit import beside
from disgorge_core.params import make
from disgorge_core.registry import TASKS
from disgorge_core.runs import TaskResult
from disgorge_core.types import Marks, Recipe


@TASKS.register
@dataclass(frozen=True)
class AuditPair:
    """Values: those of the task "audit", with "limits" (sentences) for "audited", which is empty."""

    before: str
    after: str
    forget: str
    marks: Mapping[str, Any] = field(default_factory=dict)

    name = "audit_pair"
    title = "Audit of a pair"
    lanes = (QUEUE,)

    def run(self, desk: Desk) -> TaskResult:
        """Train the references that are missing, lay everything on the bench, examine."""
        marks: Marks = make(Marks, self.marks)
        wanted_checks(marks)
        pair = pair_of_models(desk, self.before, self.after, self.forget)
        models = beside(desk, pair, self.forget, _seeds(pair.after.recipe), marks)
        values, arrays = plain_report(examine(pair, models, marks, part(desk.report, 0.9, 1.0)))
        said = {
            "audited": "", "before": self.before, "after": self.after, "forget": self.forget,
            "locked": Locked().plain(), "changed": Locked().changed(marks),
            "limits": list(limits(desk, self.before, self.after, self.forget)),
        }  # fmt: skip
        return TaskResult(values | said, arrays)


def _seeds(recipe: Recipe | None) -> set[int]:
    """The seed of the model after, which no reference shall have: it would be its copy."""
    return {recipe.seed} if recipe else set()
