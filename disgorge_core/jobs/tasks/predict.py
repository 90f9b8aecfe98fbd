"""What models answer to some records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from disgorge_core.jobs.records import raw_of
from disgorge_core.jobs.task import INTERACTIVE, Desk
from disgorge_core.models.prediction import logits, withheld
from disgorge_core.registry import TASKS
from disgorge_core.runs import TaskResult


@TASKS.register
@dataclass(frozen=True)
class Predict:
    """Arrays for model i of the request: "logits_i" (m, classes) and "withheld_i" (m,) bool."""

    models: Sequence[str]
    rows: Sequence[int] = ()
    record: Any = None  # instead of rows: nested lists of pixels, or {column: value}

    name = "predict"
    title = "Predict"
    lanes = (INTERACTIVE,)

    def run(self, desk: Desk) -> TaskResult:
        """Ask each model."""
        x = raw_of(desk.data, self.rows, self.record)
        arrays = {}
        for number, digest in enumerate(self.models):
            model = desk.model(digest)
            arrays[f"logits_{number}"] = logits(model, x)
            arrays[f"withheld_{number}"] = withheld(model, x)
        return TaskResult({}, arrays)
