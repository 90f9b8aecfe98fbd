"""From finished trainings to models: what they saw, what they cost, where their weights come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Any

import numpy as np

from disgorge_core.models.prediction import logits
from disgorge_core.training.task import Job, Task
from disgorge_core.types import Array, Dataset, Lineage, Member, Model


@dataclass(frozen=True, eq=False)
class Stack:
    """Models trained together, and the record-passes that they took."""

    models: tuple[Model, ...]
    passes: float

    def __len__(self) -> int:
        return len(self.models)

    def logits(self, x: Any) -> Array:
        """Logits (K, n, c) of all models for raw records."""
        return np.stack([logits(model, x) for model in self.models])


def stack_of(models: Sequence[Model]) -> Stack:
    """A stack of finished models."""
    return Stack(tuple(models), sum(model.lineage.cost for model in models))


def models_of(job: Job, tasks: Sequence[Task]) -> list[Model]:
    """One model for each finished training."""
    names = Ids(job.data)
    pairs = enumerate(zip(tasks, job.starts, strict=True))
    return [_model(job, task, names.seen(job.keep[k], start), start) for k, (task, start) in pairs]


def _model(job: Job, task: Task, seen: tuple[str, ...] | None, start: Model | None) -> Model:
    plan, recipe = job.plan, job.recipe
    return Model(
        name=plan.name or "model",
        members=(Member(task.network, task.preprocessing),),
        classes=job.data.classes,
        task=job.data.task,
        lineage=lineage_of(start, len(task.rows) * recipe.epochs),
        layers=task.layers,
        recipe=replace(recipe, seed=task.seed),
        architecture=plan.name,
        architecture_settings=dict(plan.settings),
        seen=seen,
    )


def lineage_of(start: Model | None, cost: float) -> Lineage:
    """Lineage of a training; what is known of its start weights limits what is known of it."""
    if start is None:
        return Lineage("trained here", "known", cost=cost)
    before = start.lineage
    return Lineage(
        "trained here",
        before.trained_on,
        before.excluded,
        (*before.parents, start.digest),
        cost=cost,
    )


class Ids:
    """The ids of a dataset in sorted order, shared by all models that were trained on it."""

    def __init__(self, data: Dataset) -> None:
        self.text = [str(name) for name in data.ids]
        self.order = sorted(range(len(self.text)), key=self.text.__getitem__)
        self.sorted = [self.text[row] for row in self.order]

    def seen(self, keep: Array, start: Model | None = None) -> tuple[str, ...] | None:
        """Sorted ids of the kept records and of those that the start weights saw."""
        own = tuple(compress(self.sorted, keep[self.order]))
        if start is None:
            return own
        return None if start.seen is None else tuple(sorted({*own, *start.seen}))
