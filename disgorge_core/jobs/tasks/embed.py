"""One map of the records as several models see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from disgorge_core import verbs
from disgorge_core.jobs.task import INTERACTIVE, QUEUE, Desk
from disgorge_core.registry import TASKS
from disgorge_core.runs import TaskResult

AT_ONCE = ("pca",)  # projections that answer while the user waits


@TASKS.register
@dataclass(frozen=True)
class Embed:
    """Arrays "positions_i" (n, 2) for model i of the request and "rows" (n,); values "notes"."""

    models: Sequence[str]
    projection: str = "umap"
    layer: str | None = None

    name = "embed"
    title = "Map of the records"

    @property
    def lanes(self) -> tuple[str, ...]:
        """Slow projections are runs only."""
        return (INTERACTIVE, QUEUE) if self.projection in AT_ONCE else (QUEUE,)

    def run(self, desk: Desk) -> TaskResult:
        """Project the features of all models together."""
        models = [desk.model(digest) for digest in self.models]
        found = verbs.embed(
            models, desk.data, self.projection, layer=self.layer, report=desk.report
        )
        arrays = {f"positions_{number}": p for number, p in enumerate(found.positions)}
        values = {"projection": found.projection, "notes": list(found.notes)}
        return TaskResult(values, {**arrays, "rows": found.rows})
