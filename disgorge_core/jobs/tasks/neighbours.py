"""Which records look most alike to a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from disgorge_core import features
from disgorge_core.errors import BadParam
from disgorge_core.jobs.records import rows_of
from disgorge_core.jobs.task import INTERACTIVE, Desk
from disgorge_core.registry import TASKS
from disgorge_core.runs import TaskResult
from disgorge_core.types import Array

BLOCK = 256  # records compared with all others at once


@TASKS.register
@dataclass(frozen=True)
class Neighbours:
    """Arrays "index" (m, k) rows of the dataset and "distance" (m, k), the nearest first."""

    model: str
    rows: Sequence[int]
    k: int = 12

    name = "neighbours"
    title = "Most alike"
    lanes = (INTERACTIVE,)

    def run(self, desk: Desk) -> TaskResult:
        """Compare the records with all others, by the features of the model's last layer."""
        data, model = desk.data, desk.model(self.model)
        rows = rows_of(data, self.rows)
        seen = desk.once(self.model, "features", lambda: features.activations(model, data.x))
        if not 0 < self.k < len(data):
            raise BadParam(f"There are no {self.k} other records.", "Choose a smaller number.")
        parts = [
            _nearest(seen, rows[start : start + BLOCK], self.k) for start in _starts(len(rows))
        ]
        index, distance = (np.concatenate(part) for part in zip(*parts, strict=True))
        return TaskResult({}, {"index": index, "distance": distance})


def _starts(n: int) -> range:
    return range(0, max(n, 1), BLOCK)


def _nearest(z: Array, rows: Array, k: int) -> tuple[Array, Array]:
    """The k other records nearest to each of these, exactly: rows (m, k), distances (m, k)."""
    squared = (z**2).sum(1) - 2 * z[rows] @ z.T  # up to a constant of each row
    squared[np.arange(len(rows)), rows] = np.inf
    index = np.argpartition(squared, k - 1, axis=1)[:, :k]
    distance = np.linalg.norm(z[rows][:, None] - z[index], axis=2)
    order = np.argsort(distance, axis=1, kind="stable")
    return np.take_along_axis(index, order, 1), np.take_along_axis(distance, order, 1)
