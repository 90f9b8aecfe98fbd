"""What the records to remove hold up: their influence on the answers, by a chosen estimator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from disgorge_core import verbs
from disgorge_core.errors import BadForgetSet
from disgorge_core.jobs.task import QUEUE, Desk
from disgorge_core.registry import TASKS
from disgorge_core.runs import TaskResult
from disgorge_core.types import Array, Dataset

CELLS = 100_000_000  # scores held at once: 400 MB
TOP = 20


@TASKS.register
@dataclass(frozen=True)
class Influence:
    """Arrays "on_queries" (q,) of "query_rows", "on_forget", "by_record" (f,) of "forget_rows", "on_own".

    on_queries: predicted change of each validation and test record's output if F goes, on_forget that
    of F's own; by_record: the mean change over the queries if only that record goes. on_own (n_train,)
    of "train_rows": how much each training record holds up F's own outputs, in the mean.
    Values: "unit", "estimator", "passes", "notes", and query rows "held_up" and "held_down" most.
    """

    model: str
    forget: str
    estimator: str = "ekfac"
    settings: Mapping[str, Any] = field(default_factory=dict)
    target: str = "margin"

    name = "influence"
    title = "Influence of the records to remove"
    lanes = (QUEUE,)

    def run(self, desk: Desk) -> TaskResult:
        """Score all pairs of training records and queries, then sum over F."""
        data, model, forget = desk.data, desk.model(self.model), desk.forget(self.forget)
        train_rows = verbs.seen_rows(model, data)
        own = train_rows[forget.mask(data)[train_rows]]
        if not len(own):
            raise BadForgetSet(
                "The model was not trained on any of these records.", "Choose others."
            )
        queries, notes = _queries(data, forget.mask(data), len(train_rows), len(own))
        scores = verbs.influence(
            model, data, np.concatenate([queries, own]), self.estimator, target=self.target,
            report=desk.report, **self.settings,
        )  # fmt: skip
        change, count = scores.of(forget), len(queries)
        inside = np.isin(scores.train_ids, data.ids[own].astype(str))
        arrays = {
            "on_queries": change[:count], "query_rows": queries,
            "on_forget": change[count:], "forget_rows": own,
            "by_record": -scores.matrix[inside, :count].mean(1),
            "train_rows": train_rows, "on_own": scores.matrix[:, count:].mean(1),
        }  # fmt: skip
        values = {
            "unit": scores.unit, "estimator": scores.estimator, "passes": scores.passes,
            "notes": [*scores.notes, *notes], **_extremes(change[:count], queries),
        }  # fmt: skip
        return TaskResult(values, arrays)


def _queries(data: Dataset, gone: Array, n_train: int, n_own: int) -> tuple[Array, list[str]]:
    """Validation and test records outside F, evenly thinned out where memory would not hold all."""
    rows = np.concatenate([data.rows("validation"), data.rows("test")])
    rows = rows[~gone[rows]]
    room = max(1, CELLS // n_train - n_own)
    if len(rows) <= room:
        return rows, []
    few = rows[np.linspace(0, len(rows) - 1, room).astype(np.int64)]
    return few, [f"Every record would not fit in memory: {room:,} of {len(rows):,} were scored."]


def _extremes(change: Array, rows: Array) -> dict[str, list[int]]:
    order = np.argsort(change, kind="stable")
    down, up = order[change[order] < 0], order[change[order] > 0][::-1]
    return {"held_up": rows[down[:TOP]].tolist(), "held_down": rows[up[:TOP]].tolist()}
