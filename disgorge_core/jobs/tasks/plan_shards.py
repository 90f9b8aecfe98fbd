"""Measure what cutting the training records into shards costs in accuracy, before one is chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from disgorge_core import metrics, training
from disgorge_core.errors import NotApplicable
from disgorge_core.jobs.parts import part
from disgorge_core.jobs.shard_plans import TRIED, regimes_of, why_none
from disgorge_core.jobs.task import QUEUE, Desk
from disgorge_core.models.prediction import logits
from disgorge_core.params import make
from disgorge_core.registry import TASKS
from disgorge_core.runs import TaskResult
from disgorge_core.types import Recipe


@TASKS.register
@dataclass(frozen=True)
class PlanShards:
    """Trains a model for each number of shards and keeps none; values: "rows", with "shards" and quality."""

    architecture: str = "mlp"
    settings: Mapping[str, Any] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)
    slices: int = 1
    by: str = ""
    shards: Sequence[int] = TRIED

    name = "plan_shards"
    title = "Measure accuracy by shards"
    lanes = (QUEUE,)

    def run(self, desk: Desk) -> TaskResult:
        """Train on the training part, ask about the validation part, one number of shards at a time."""
        data = desk.data
        rows = data.rows("validation")
        if not len(rows):
            raise NotApplicable(
                "There are no validation records to measure accuracy on.",
                "Open the dataset with a validation part.",
            )
        reason = why_none(data, self.architecture, self.slices, self.by)
        if reason:
            raise NotApplicable("The records cannot be cut into shards.", reason)
        regimes = regimes_of(data, self.architecture, self.shards, self.slices, self.by)
        found = []
        for place, (count, regime) in enumerate(regimes.items()):
            name = f"{count} shard{'s' if count > 1 else ''}"
            model = training.fit(
                data, self.architecture, make(Recipe, self.recipe), settings=self.settings, regime=regime,
                report=part(desk.report, place / len(regimes), (place + 1) / len(regimes), name),
            )  # fmt: skip
            quality = metrics.quality(logits(model, data.take(rows)), data.y[rows], data.task)
            found.append({"shards": count, **asdict(quality)})
        return TaskResult({"rows": found})
