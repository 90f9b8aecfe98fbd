"""How long a Hugging Face model takes to train here: a few of the case's records, before it is chosen."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from disgorge_core import compute
from disgorge_core.errors import BadModel, NotApplicable
from disgorge_core.jobs.task import QUEUE, Desk
from disgorge_core.jobs.tasks.bring import let_go
from disgorge_core.models.backbones.backbone import Backbone, records_of
from disgorge_core.models.backbones.whole import whole_of
from disgorge_core.models.loading import open_model
from disgorge_core.models.prediction import inputs
from disgorge_core.registry import TASKS
from disgorge_core.runs import TaskResult
from disgorge_core.training.losses import losses
from disgorge_core.types import Array, Dataset, Model, Progress

RECORDS = 8  # that are timed


@TASKS.register
@dataclass(frozen=True)
class TimeWhole:
    """Values: "once" and "each", seconds in which a record passes the backbone and is learned from.

    Also "parameters" of the whole network, "records" of the dataset and of its "train" split, and
    "why_not" where only the head can be trained, else empty.
    """

    path: str

    name = "time_whole"
    title = "Time the training of a Hugging Face model"
    lanes = (QUEUE,)

    def run(self, desk: Desk) -> TaskResult:
        """Build the network, pass a few records, take one step on them."""
        desk.report(Progress(0.01, "Building the network"))
        data, path = desk.data, Path(self.path)
        model = open_model(path, data).model
        backbone = model.preprocessing.backbone
        if not isinstance(backbone, Backbone):
            raise BadModel("This is no Hugging Face model.", "Bring it as a file of weights.")
        rows = data.rows("train")[:RECORDS]
        desk.report(Progress(0.5, "Timing a few records"))
        found = {"records": len(data), "train": len(data.rows("train"))}
        with compute.threads(1):
            once = _once(backbone, data, rows)
            timed = _of_whole(model, data, rows)
        let_go(desk, path)
        return TaskResult({**found, "once": once, **timed})


def _once(backbone: Backbone, data: Dataset, rows: Array) -> float:
    records = records_of(data.take(rows))
    return _seconds(lambda: [backbone.one(record) for record in records]) / len(rows)


def _of_whole(model: Model, data: Dataset, rows: Array) -> dict[str, Any]:
    try:
        whole = whole_of(model, data)
    except NotApplicable as error:
        return {"each": 0.0, "parameters": 0, "why_not": str(error)}
    x, y = inputs(whole.members[0], data.take(rows)), torch.from_numpy(data.y[rows])
    weights = list(whole.network.parameters())

    def step() -> None:
        loss = losses(whole.network(x), y.long(), data.task).mean()
        torch.autograd.grad(loss, weights, materialize_grads=True)

    each = _seconds(step) / len(rows)
    return {"each": each, "parameters": whole.parameters, "why_not": ""}


def _seconds(work: Callable[[], object]) -> float:
    """Of the second of two runs: the first one pays for allocations."""
    work()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
