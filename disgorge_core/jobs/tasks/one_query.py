"""Which training records made one prediction."""

from __future__ import annotations

from dataclasses import dataclass

from disgorge_core import verbs
from disgorge_core.influence.contract import OUTPUTS
from disgorge_core.jobs.curved import ESTIMATOR, curvature
from disgorge_core.jobs.records import rows_of
from disgorge_core.jobs.task import INTERACTIVE, Desk
from disgorge_core.registry import TASKS
from disgorge_core.runs import TaskResult


@TASKS.register
@dataclass(frozen=True)
class OneQuery:
    """Arrays "influence" (n_train,) of "train_rows" (n_train,); positive records hold the output up."""

    model: str
    row: int
    target: str = "margin"

    name = "one_query"
    title = "What made this prediction"
    lanes = (INTERACTIVE,)

    def run(self, desk: Desk) -> TaskResult:
        """Score all training records for the one output."""
        data, model = desk.data, desk.model(self.model)
        query, train_rows = rows_of(data, [self.row]), verbs.seen_rows(model, data)
        influence = ESTIMATOR.one_query(
            model,
            data,
            train_rows,
            query,
            target=self.target,
            curvature=curvature(desk, self.model),
        )
        values = {"unit": OUTPUTS[model.task, self.target], "estimator": ESTIMATOR.name}
        return TaskResult(values, {"influence": influence, "train_rows": train_rows})
