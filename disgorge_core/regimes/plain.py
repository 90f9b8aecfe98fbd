"""One network on all records: nothing is arranged for later."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from disgorge_core.registry import REGIMES
from disgorge_core.training import Burden, Job, Stack, train_job
from disgorge_core.types import Array, Dataset, Model, Recipe, Report


@REGIMES.register
@dataclass(frozen=True)
class Plain:
    """Train one network on everything."""

    name = "plain"
    title = "Plain"
    order = 0
    tasks = ("classification", "regression")
    promise = "One network on all records. A removal later means to retrain, or to edit and test."
    method = "retrain"

    def why_not(self, data: Dataset, architecture: str) -> str | None:
        """It always can."""

    def burden(self, data: Dataset, records: int, recipe: Recipe) -> Burden:
        """Every record once an epoch."""
        return Burden(float(recipe.epochs * records))

    def parts(self, model: Model, data: Dataset) -> Array:
        """All records for every network."""
        return np.ones((len(model.members), len(data)), dtype=bool)

    def train(self, job: Job, workers: int | None, report: Report) -> Stack:
        """Together where a stack can compute them, else one by one."""
        return train_job(job, workers, report)
