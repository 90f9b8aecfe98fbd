"""`map` over local worker processes that stay warm between calls.

Workers are fresh interpreters (never forks of a process that runs threads) with one thread each. They
need no importable `__main__`, so scripts without a guard, notebooks and servers can call this; a task
that only this process could read (a class from the caller's own script) is worked on here instead,
with the same result. So is everything on systems without inheritable pipes.
"""

from __future__ import annotations

import atexit
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

from disgorge_core.errors import DisgorgeError
from disgorge_core.types import Progress, Report

Task = TypeVar("Task")
Result = TypeVar("Result")
OnProgress = Callable[[int, Progress], None]

POLL = 0.25  # seconds between two calls of on_progress, so that a cancel gets in
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "DISGORGE_WORKER": "1"}


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map(
    function: Callable[[Task, Report], Result],
    tasks: Sequence[Task],
    *,
    workers: int | None = None,
    on_progress: OnProgress | None = None,
) -> list[Result]:
    """`[function(task, report) for task in tasks]`, spread over processes; results in order.

    `on_progress(index, progress)` hears what task `index` reports; what it raises (Cancelled) ends the
    work at once. Errors of tasks are raised here; the first one ends the others.
    """
    tell = on_progress or _nobody
    count = min(workers or cores(), len(tasks))
    payloads = _packed(function, tasks) if count > 1 and _may_spread() else None
    if payloads is None:
        return [function(task, _for(index, tell)) for index, task in enumerate(tasks)]
    crew = _hire(count)
    try:
        results = _Round(payloads, tell).run(crew)
    except BaseException:
        _dismiss(crew)
        raise
    _release(crew)
    return results


def _nobody(_: int, __: Progress) -> None:
    """Nobody listens."""


def _for(index: int, tell: OnProgress) -> Report:
    return lambda progress: tell(index, progress)


def _may_spread() -> bool:
    return os.name == "posix" and "DISGORGE_WORKER" not in os.environ


def _packed(function: Any, tasks: Sequence[Any]) -> list[bytes] | None:
    """Messages for the workers; None if another process could not read them."""
    try:
        payloads = [pickle.dumps((function, task)) for task in tasks]
    except (pickle.PicklingError, AttributeError, TypeError):
        return None
    return None if any(b"__main__" in payload for payload in payloads) else payloads


@dataclass(frozen=True, eq=False)
class _Worker:
    process: subprocess.Popen[bytes]
    connection: Connection


_idle: list[_Worker] = []
_lock = threading.Lock()


def _hire(count: int) -> list[_Worker]:
    with _lock:
        crew = [_idle.pop() for _ in range(min(count, len(_idle)))]
    alive = [worker for worker in crew if worker.process.poll() is None]
    return alive + [_started() for _ in range(count - len(alive))]


def _started() -> _Worker:
    ours, theirs = Pipe()
    search = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "disgorge_core.compute.worker", str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            env={**os.environ, **search, **ENVIRONMENT},
        )
    return _Worker(process, ours)


def _release(crew: Sequence[_Worker]) -> None:
    with _lock:
        room = max(0, cores() - len(_idle))
        _idle.extend(crew[:room])
    _dismiss(crew[room:])


def _dismiss(crew: Sequence[_Worker]) -> None:
    for worker in crew:
        worker.process.kill()
        worker.connection.close()
        worker.process.wait()


@atexit.register
def close() -> None:
    """End all workers that wait for work."""
    with _lock:
        crew, _idle[:] = list(_idle), []
    _dismiss(crew)


class _Round:
    """One call of map: who works on what, and what has come back."""

    def __init__(self, payloads: Sequence[bytes], tell: OnProgress) -> None:
        self.payloads, self.tell = payloads, tell
        self.results: list[Any] = [None] * len(payloads)
        self.next = 0
        self.busy: dict[Connection, int] = {}
        self.latest = (0, Progress(0.0, "starting worker processes"))

    def run(self, crew: Sequence[_Worker]) -> list[Any]:
        for worker in crew:
            self._give(worker.connection)
        while self.busy:
            ready = wait(list(self.busy), timeout=POLL)
            for connection in ready:
                self._hear(connection)  # type: ignore[arg-type]
            if not ready:
                self.tell(*self.latest)
        return self.results

    def _give(self, connection: Connection) -> None:
        if self.next < len(self.payloads):
            self.busy[connection] = self.next
            connection.send_bytes(self.payloads[self.next])
            self.next += 1

    def _hear(self, connection: Connection) -> None:
        index = self.busy[connection]
        try:
            kind, value = connection.recv()
        except (EOFError, ConnectionResetError):
            raise DisgorgeError(
                "A worker process ended in the middle of its work.",
                "Try again, with fewer workers if memory is short.",
            ) from None
        if kind == "failed":
            raise value
        if kind == "done":
            self.results[index] = value
            value = Progress(1.0)
            del self.busy[connection]
            self._give(connection)
        self.latest = (index, value)
        self.tell(*self.latest)
