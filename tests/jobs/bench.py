"""A small case with real pictures, and waiting for what other processes do."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from disgorge_core import training
from disgorge_core.cases import Case, Cases
from disgorge_core.data.address import digest
from disgorge_core.jobs import Lanes, Run
from disgorge_core.store import Workspace
from disgorge_core.types import Dataset, Layer, Model, Recipe
from tests.methods import small

SETTINGS = {"epochs": 3, "lr": 0.1, "batch": 32}
LONG = {"task": "train", "recipe": {**SETTINGS, "epochs": 10_000}}
SHORT = {"task": "train", "recipe": SETTINGS}
LAYERS = (Layer("flatten"), Layer("linear", "head", {"inputs": 64, "outputs": 10}))


def data(parts: tuple[int, ...] = (120, 40, 40)) -> Dataset:
    """Pictures of digits under the digest of their content."""
    plain = small.digits(parts=parts)
    return replace(plain, digest=digest(plain))


def model(dataset: Dataset, seed: int = 0) -> Model:
    """A linear model that was trained for a moment."""
    return training.fit(dataset, LAYERS, Recipe(epochs=2, batch=32, seed=seed), name="tiny")


def case_in(workspace: Workspace, name: str = "Digits") -> Case:
    """A case with one model."""
    dataset = data()
    return Cases(workspace).create(name, dataset, (model(dataset),))


def until(true: Callable[[], object], seconds: float = 120.0) -> None:
    """Wait for something that another process does."""
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit, "it did not happen"
        time.sleep(0.02)


def ended(lanes: Lanes, case: Case, run_id: str) -> Run:
    """The run, once it has ended in whatever way."""
    run = found(lanes, case, run_id)
    until(lambda: run.state not in ("queued", "running"))
    return run


def under_way(lanes: Lanes, case: Case, run_id: str) -> Run:
    """The run, once its training has reported."""
    run = found(lanes, case, run_id)
    until(lambda: run.figures or run.state not in ("queued", "running"))
    assert run.state == "running", (run.problem, run.detail)
    return run


def found(lanes: Lanes, case: Case, run_id: str) -> Run:
    """The run of that id, as its folder tells it."""
    return Cases(lanes.workspace).run(case.id, run_id)
