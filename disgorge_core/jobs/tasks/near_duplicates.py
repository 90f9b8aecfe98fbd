"""Records that are (almost) the same, in clusters."""

from __future__ import annotations

from dataclasses import dataclass

from disgorge_core import features
from disgorge_core.data.near import near_duplicates
from disgorge_core.jobs.task import INTERACTIVE, QUEUE, Desk
from disgorge_core.registry import TASKS
from disgorge_core.runs import TaskResult
from disgorge_core.types import Array


@TASKS.register
@dataclass(frozen=True)
class FindNearDuplicates:
    """Arrays "clusters" (n,), "pairs" (m, 2), "distance" (m,); values "kind", "threshold", "notes".

    `kind` and `threshold` as `data.near.near_duplicates` knows them; `model` for what is alike to a model.
    """

    kind: str = ""
    threshold: float | None = None
    model: str = ""

    name = "near_duplicates"
    title = "Near-duplicates"
    lanes = (INTERACTIVE, QUEUE)

    def run(self, desk: Desk) -> TaskResult:
        """Search, with the model's features where one is named."""
        found = near_duplicates(
            desk.data,
            self.kind,
            self.threshold,
            features=self._features(desk) if self.model else None,
            neighbours=features.neighbours,
            report=desk.report,
        )
        values = {"kind": found.kind, "threshold": found.threshold, "notes": list(found.notes)}
        arrays = {"clusters": found.clusters, "pairs": found.pairs, "distance": found.distance}
        return TaskResult(values, arrays)

    def _features(self, desk: Desk) -> Array:
        model = desk.model(self.model)
        seen: Array = desk.once(
            self.model, "features", lambda: features.activations(model, desk.data.x)
        )
        return seen
