"""A store of the records themselves: answers are votes of the nearest ones, and no network learns.

Preprocessing is fitted to the stored records (not behind a fixed backbone); the place of a record is the
network's input, for texts the input of the last layer of a network that stays as it was drawn. The answer
is the vote of the k nearest stored records. A record goes by deleting its row.
Source: k nearest neighbours over fixed features; as a store beside a model SILO (arXiv 2308.04430).
Fails when: what makes records alike is not near in the inputs; an answer may point to a stored record.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from disgorge_core.models.prediction import places
from disgorge_core.params import param, values_of
from disgorge_core.registry import REGIMES
from disgorge_core.training import STEPS, Burden
from disgorge_core.training.results import Stack, models_of, stack_of
from disgorge_core.training.task import Job, Task, tasks_for
from disgorge_core.types import Array, Dataset, Member, Model, Progress, Recipe, Report

FORWARD = 1 / 3  # of a record-pass: nothing is sent back
PART = 4096  # records that are read at once


@REGIMES.register
@dataclass(frozen=True)
class Datastore:
    """Keep the records in a store and answer by the nearest."""

    neighbours: int = param(5, help="Nearest records that vote", min=1, max=200)

    name = "datastore"
    title = "Datastore"
    order = 30
    tasks = ("classification", "regression")
    promise = (
        "No network learns: the nearest stored records vote on each answer. A record goes by deleting its "
        "row. Each answer searches the whole store, and the store holds the records' features."
    )
    method = "datastore"
    ignores = STEPS

    def why_not(self, data: Dataset, architecture: str) -> str | None:
        """It always can."""

    def burden(self, data: Dataset, records: int, recipe: Recipe) -> Burden:
        """One look at every record."""
        return Burden(FORWARD * records)

    def parts(self, model: Model, data: Dataset) -> Array:
        """All records."""
        return np.ones((len(model.members), len(data)), dtype=bool)

    def train(self, job: Job, workers: int | None, report: Report) -> Stack:
        """Fit the preprocessing and fill the store of each model of the job."""
        _, tasks = tasks_for(job)
        models = []
        for k, (task, model) in enumerate(zip(tasks, models_of(job, tasks), strict=True)):
            report(Progress(k / len(tasks), "filling the store"))
            models.append(self._stored(job.data, task, model))
        return stack_of(models)

    def _stored(self, data: Dataset, task: Task, model: Model) -> Model:
        member = Member(task.network, task.preprocessing)
        parts = np.array_split(task.rows, -(-len(task.rows) // PART))
        points = np.concatenate([places(member, data.take(rows)).numpy() for rows in parts])
        artefacts = {
            "store_points": points,
            "store_y": data.y[task.rows],
            "store_k": np.array([self.neighbours]),
        }
        return replace(
            model, rule="datastore", artefacts=artefacts, regime=self.name, regime_settings=values_of(self),
            lineage=replace(model.lineage, cost=FORWARD * len(task.rows)),
        )  # fmt: skip
