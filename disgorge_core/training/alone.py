"""Trainings one by one, each as if it were the only one: here, or on worker processes.

One training gives the same bits here, in a worker, alone or among others, at the same thread count.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from disgorge_core import compute
from disgorge_core.training import loop, stacked
from disgorge_core.training.inputs import Inputs
from disgorge_core.training.task import Task
from disgorge_core.training.ticker import Ticker
from disgorge_core.types import Array, Column, Progress, Recipe, Report

WORTH = 5.0  # seconds of work left for which starting processes pays


@dataclass(frozen=True, eq=False)
class _Parcel:
    """A training on its way to a worker: the inputs lie in shared files."""

    task: Task
    recipe: Recipe
    arrays: dict[str, compute.SharedArray]
    kind: str
    target: str
    columns: tuple[Column, ...]


def train_one(task: Task, inputs: Inputs, recipe: Recipe, report: Report) -> None:
    """Train one network in place."""
    ticker = Ticker(report, len(task.rows) * recipe.epochs)
    with compute.threads(recipe.threads):
        if task.log is None and stacked.stackable(task.layers, inputs.kind):
            stacked.train([task], inputs, recipe, ticker)
        else:
            loop.train(task, inputs, recipe, ticker)


def train_each(
    tasks: Sequence[Task], inputs: Inputs, recipe: Recipe, workers: int | None, report: Report
) -> None:
    """Train networks in place, one by one; on processes where asked to, or where that is faster."""
    shares = _Shares(tasks, report)
    done = 0
    if workers is None:
        done, workers = _here_first(tasks, inputs, recipe, shares)
    if workers == 1:
        for index in range(done, len(tasks)):
            train_one(tasks[index], inputs, recipe, shares.of(index))
        return
    arrays = {"raw": inputs.raw, "y": inputs.y, "keys": inputs.keys}
    with compute.shared(arrays) as found:
        parcels = [
            _Parcel(_light(task), recipe, found, inputs.kind, inputs.task, inputs.columns)
            for task in tasks[done:]
        ]
        states = compute.map(
            _trained, parcels, workers=workers, on_progress=lambda i, p: shares.hear(i + done, p)
        )
    for task, state in zip(tasks[done:], states, strict=True):
        task.network.load_state_dict({name: torch.from_numpy(a) for name, a in state.items()})


def _here_first(
    tasks: Sequence[Task], inputs: Inputs, recipe: Recipe, shares: _Shares
) -> tuple[int, int | None]:
    """Train the first one here; from its time, say whether the others are worth processes."""
    began = time.monotonic()
    train_one(tasks[0], inputs, recipe, shares.of(0))
    left = (time.monotonic() - began) * (len(tasks) - 1)
    return 1, (None if left > WORTH and compute.cores() > 1 else 1)


def _light(task: Task) -> Task:
    """The task without its backbone, whose features are in the inputs already."""
    return replace(task, preprocessing=replace(task.preprocessing, backbone=None))


def _trained(parcel: _Parcel, report: Report) -> dict[str, Array]:
    arrays: dict[str, Any] = {name: array.open() for name, array in parcel.arrays.items()}
    inputs = Inputs(**arrays, kind=parcel.kind, task=parcel.target, columns=parcel.columns)
    train_one(parcel.task, inputs, parcel.recipe, report)
    return {name: _array(value) for name, value in parcel.task.network.state_dict().items()}


def _array(value: Tensor) -> Array:
    return value.detach().numpy()


class _Shares:
    """Progress of several trainings as one, weighted by their records."""

    def __init__(self, tasks: Sequence[Task], report: Report) -> None:
        total = sum(len(task.rows) for task in tasks)
        self.weights = [len(task.rows) / total for task in tasks]
        self.shares = [0.0] * len(tasks)
        self.report = report

    def of(self, index: int) -> Report:
        return lambda progress: self.hear(index, progress)

    def hear(self, index: int, progress: Progress) -> None:
        self.shares[index] = max(self.shares[index], progress.share)
        share = sum(w * s for w, s in zip(self.weights, self.shares, strict=True))
        many = f"model {index + 1} of {len(self.shares)}" if len(self.shares) > 1 else ""
        message = ", ".join(part for part in (many, progress.message) if part)
        self.report(replace(progress, share=min(1.0, share), message=message))
