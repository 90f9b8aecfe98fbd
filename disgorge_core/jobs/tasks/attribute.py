"""Which parts of some records spoke for an answer, as several models see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from disgorge_core.errors import BadParam
from disgorge_core.jobs.records import raw_of
from disgorge_core.jobs.task import INTERACTIVE, Desk
from disgorge_core.models.prediction import logits
from disgorge_core.params import make
from disgorge_core.registry import TASKS, VIEWS
from disgorge_core.runs import TaskResult
from disgorge_core.types import Array


@TASKS.register
@dataclass(frozen=True)
class Attribute:
    """Arrays "map_i" for model i: (m, height, width), (m, columns) or, of texts, (m, words); "target" (m,).

    Without a target each record is explained for the first model's answer, the same for all models.
    """

    models: Sequence[str]
    view: str
    rows: Sequence[int] = ()
    record: Any = None  # instead of rows: nested lists of pixels, or {column: value}
    target: Sequence[int] = ()  # class codes
    settings: Mapping[str, Any] = field(default_factory=dict)

    name = "attribute"
    title = "What made the answer"
    lanes = (INTERACTIVE,)

    def run(self, desk: Desk) -> TaskResult:
        """Draw the maps of all models for the same records and classes."""
        x = raw_of(desk.data, self.rows, self.record)
        models = [desk.model(digest) for digest in self.models]
        view = make(VIEWS[self.view], self.settings)
        target = self._target(len(x), len(desk.data.classes), logits(models[0], x))
        maps = {f"map_{i}": view.attribute(model, x, target) for i, model in enumerate(models)}
        return TaskResult({}, {**maps, "target": target})

    def _target(self, m: int, classes: int, z: Array) -> Array:
        if not len(self.target):
            return z.argmax(1)
        target = np.asarray(self.target, dtype=np.int64)
        if target.shape != (m,) or ((target < 0) | (target >= max(1, classes))).any():
            raise BadParam("The targets do not fit.", f"Give {m} class codes below {classes}.")
        return target
