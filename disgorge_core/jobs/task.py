"""What a task is, and the desk that it works at.

A task is a frozen dataclass with `@TASKS.register` and class attributes `name`, `title` and `lane`;
its fields are the request's arguments (what JSON can hold), and `run(desk)` gives a `TaskResult`.
A request is `{"task": name, **arguments}`; the canonical form has every argument spelled out.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np

from disgorge_core.cases import Case, Cases, Recent
from disgorge_core.errors import BadParam
from disgorge_core.registry import TASKS
from disgorge_core.runs import TaskResult
from disgorge_core.types import Dataset, ForgetSet, Model, Report

T = TypeVar("T")
QUEUE, INTERACTIVE = "queue", "interactive"


@dataclass(frozen=True, eq=False)
class Desk:
    """What a task works with: the cases, its own case, its run's folder and where to report."""

    cases: Cases
    case_id: str
    folder: Path
    report: Report
    recent: Recent

    @property
    def case(self) -> Case:
        """The case as it is now."""
        return self.cases.get(self.case_id)

    @property
    def data(self) -> Dataset:
        """The dataset of the case."""
        return self.cases.dataset(self.case.dataset)

    def model(self, digest: str) -> Model:
        """A model of the case, not to be changed; raises BadParam for one that is not in it."""
        if digest not in self.case.models:
            raise BadParam("That model is not in this case.", "Pick one of the case's models.")
        return self.recent.get(digest, lambda: self.cases.model(digest), "model")

    def once(self, digest: str, what: str, make: Callable[[], T]) -> T:
        """Something costly made from a model, kept for the next request as long as there is room."""
        return self.recent.get(digest, make, what)

    def forget(self, fid: str) -> ForgetSet:
        """A forget set of the case."""
        return self.cases.forget(self.case_id, fid)


class Task(Protocol):
    """The shape of every registered task; its dataclass fields are the request's arguments."""

    __dataclass_fields__: ClassVar[dict[str, Any]]
    name: ClassVar[str]
    title: ClassVar[str]

    @property
    def lanes(self) -> tuple[str, ...]:
        """Where it may run: "queue", "interactive" or both."""
        ...

    def run(self, desk: Desk) -> TaskResult:
        """Do the work."""
        ...


def task_of(request: Mapping[str, Any]) -> Task:
    """The task of a request; raises BadParam for unknown or missing arguments."""
    arguments = {name: value for name, value in request.items() if name != "task"}
    kind = TASKS[str(request.get("task", ""))]
    known = {f.name: f for f in dataclasses.fields(kind)}
    needed = {name for name, f in known.items() if _has_no_default(f)}
    wrong = sorted((arguments.keys() - known.keys()) | (needed - arguments.keys()))
    if wrong:
        raise BadParam(
            f"The request {kind.name!r} does not fit at: {', '.join(wrong)}.",
            f"Its arguments are: {', '.join(known)}.",
        )
    task: Task = kind(**arguments)
    return task


def _has_no_default(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def canonical(request: Mapping[str, Any], lane: str) -> dict[str, Any]:
    """The request with every argument spelled out, as plain values; raises BadParam."""
    task = task_of(_plain(request))
    if lane not in task.lanes:
        raise BadParam(
            f"{task.title!r} cannot be asked for this way.", f"It belongs to: {task.lanes[0]}."
        )
    return {"task": task.name, **_plain(dataclasses.asdict(task))}


def _plain(request: Mapping[str, Any]) -> dict[str, Any]:
    return dict(json.loads(json.dumps(dict(request), default=_from_numpy)))


def _from_numpy(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise BadParam(f"A request cannot hold a {type(value).__name__}.", "Use plain values.")
