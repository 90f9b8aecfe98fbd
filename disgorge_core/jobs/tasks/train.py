"""Train a model of the case's dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from disgorge_core import training
from disgorge_core.data.forget_set import where
from disgorge_core.jobs.parts import part
from disgorge_core.jobs.quality import split_quality
from disgorge_core.jobs.task import QUEUE, Desk
from disgorge_core.models.prediction import logits
from disgorge_core.params import make
from disgorge_core.registry import TASKS
from disgorge_core.runs import TaskResult
from disgorge_core.types import Progress, Recipe


@TASKS.register
@dataclass(frozen=True)
class Train:
    """Adds the trained model to the case; values: "model" (digest), "splits", "passes"."""

    architecture: str = "mlp"
    settings: Mapping[str, Any] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)
    regime: Mapping[str, Any] = field(
        default_factory=dict
    )  # empty: plain; {"name": "sharded", ...}
    label: str = ""  # name of the model
    leave_out: str = ""  # a filter: records that it is not trained on

    name = "train"
    title = "Train a model"
    lanes = (QUEUE,)

    def run(self, desk: Desk) -> TaskResult:
        """Train, store, and measure on every split."""
        data = desk.data
        model = training.fit(
            data,
            self.architecture,
            make(Recipe, self.recipe),
            settings=self.settings,
            regime=training.regime_from(self.regime),
            exclude=where(data, self.leave_out).mask(data) if self.leave_out.strip() else None,
            name=self.label,
            report=part(desk.report, 0.0, 0.95),
        )
        desk.report(Progress(0.95, "Measuring and storing the model"))
        splits = split_quality(model, logits(model, data.x), data)
        digest = desk.cases.add_model(desk.case_id, model)
        return TaskResult({"model": digest, "splits": splits, "passes": model.lineage.cost})
