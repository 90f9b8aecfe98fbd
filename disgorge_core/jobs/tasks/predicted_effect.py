"""What would happen to the answers if some records had not been trained on: before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from disgorge_core import metrics
from disgorge_core.errors import BadParam
from disgorge_core.influence.curved import coverage_note
from disgorge_core.jobs.curved import ESTIMATOR, curvature
from disgorge_core.jobs.records import rows_of
from disgorge_core.jobs.task import INTERACTIVE, Desk
from disgorge_core.models.prediction import logits
from disgorge_core.registry import TASKS
from disgorge_core.runs import TaskResult
from disgorge_core.types import Array, Dataset


@TASKS.register
@dataclass(frozen=True)
class PredictedEffect:
    """Arrays "change" and "before" (m, c) of logits on "rows" (m,): validation, test, and F itself.

    Values "splits": for validation and test without F the quality "before" and "after", as predicted.
    """

    model: str
    forget: str = ""
    rows: Sequence[int] = ()  # instead of a saved forget set

    name = "predicted_effect"
    title = "Predicted effect"
    lanes = (INTERACTIVE,)

    def run(self, desk: Desk) -> TaskResult:
        """One Newton step's change of the logits, to first order in the outputs."""
        data, model = desk.data, desk.model(self.model)
        mask = self._mask(desk, data)
        if not mask.any():
            raise BadParam("No record is chosen.", "Choose at least one record.")
        rows = np.flatnonzero((data.split > 0) | mask)
        change = ESTIMATOR.predicted_change(
            model, data, mask, rows, curvature=curvature(desk, self.model)
        )
        before = logits(model, data.take(rows))
        kept = ~mask[rows]
        splits = _predicted(data, rows[kept], before[kept], (before + change)[kept])
        values = {"splits": splits, "notes": list(coverage_note(model))}
        return TaskResult(values, {"change": change, "before": before, "rows": rows})

    def _mask(self, desk: Desk, data: Dataset) -> Array:
        if self.forget:
            return desk.forget(self.forget).mask(data)
        mask = np.zeros(len(data), dtype=bool)
        mask[rows_of(data, self.rows)] = True
        return mask


def _predicted(data: Dataset, rows: Array, before: Array, after: Array) -> dict[str, Any]:
    found = {}
    for split in ("validation", "test"):
        inside = np.isin(rows, data.rows(split))
        if inside.any():
            y = data.y[rows][inside]
            found[split] = {
                "before": asdict(metrics.quality(before[inside], y, data.task)),
                "after": asdict(metrics.quality(after[inside], y, data.task)),
            }
    return found
