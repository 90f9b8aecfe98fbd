"""What one model answers to every record."""

from __future__ import annotations

from dataclasses import dataclass

from disgorge_core.jobs.quality import split_quality
from disgorge_core.jobs.task import INTERACTIVE, Desk
from disgorge_core.models.prediction import logits, withheld
from disgorge_core.registry import TASKS
from disgorge_core.runs import TaskResult


@TASKS.register
@dataclass(frozen=True)
class Overview:
    """Arrays "logits" (n, classes), "withheld" (n,); values "splits": quality with its interval."""

    model: str

    name = "overview"
    title = "Answers to every record"
    lanes = (INTERACTIVE,)

    def run(self, desk: Desk) -> TaskResult:
        """Ask the model once about everything."""
        data, model = desk.data, desk.model(self.model)
        z = logits(model, data.x)
        values = {"splits": split_quality(model, z, data)}
        return TaskResult(values, {"logits": z, "withheld": withheld(model, data.x)})
