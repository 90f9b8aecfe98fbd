"""Where each model of a stack is on its own way through its own batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from disgorge_core.training.inputs import Inputs
from disgorge_core.training.order import epoch_order
from disgorge_core.training.task import Task
from disgorge_core.types import Array, Recipe


@dataclass(frozen=True, eq=False)
class Step:
    """One step of the first models of a stack: rows (K, B), weights (K, B), epochs (K,).

    The weights of a model's records sum to 1; where its batch is shorter than the others', its last
    record is repeated with weight 0.
    """

    rows: Array
    weight: Array
    epoch: Array

    @property
    def models(self) -> int:
        """Models that make this step."""
        return len(self.rows)

    @property
    def records(self) -> int:
        """Records that carry weight."""
        return int((self.weight > 0).sum())


class Walk:
    """The batches of tasks that are sorted by records, most first: models leave from the end."""

    def __init__(self, tasks: Sequence[Task], inputs: Inputs, recipe: Recipe) -> None:
        self.tasks, self.keys, self.batch = tasks, inputs.keys, recipe.batch
        self.sizes = np.array([len(task.rows) for task in tasks])
        self.per_epoch = -(-self.sizes // recipe.batch)
        self.steps = self.per_epoch * recipe.epochs
        self.order = np.zeros((len(tasks), int(self.sizes.max())), dtype=np.int64)

    def at(self, step: int) -> Step:
        """What the models that have not finished do in a step."""
        models = int((self.steps > step).sum())
        epoch, number = np.divmod(step, self.per_epoch[:models])
        for k in np.flatnonzero(number == 0):
            self._begin(int(k), int(epoch[k]))
        start = number * self.batch
        stop = np.minimum(start + self.batch, self.sizes[:models])
        place = start[:, None] + np.arange((stop - start).max())
        inside = place < stop[:, None]
        rows = np.take_along_axis(self.order[:models], np.minimum(place, stop[:, None] - 1), 1)
        return Step(rows, inside / (stop - start)[:, None], epoch)

    def _begin(self, k: int, epoch: int) -> None:
        task = self.tasks[k]
        order = epoch_order(self.keys[task.rows], task.seed, epoch)
        self.order[k, : len(order)] = task.rows[order]
