"""The queue lane: one thread that starts queued runs one after another and ends cancelled ones.

What there is to do is read from the run folders at each look; only exit codes and warm workers are
remembered. One server of a workspace dispatches, the one that holds the lock; others only read, and
take over when the lock is free. A run that a former server started is watched by its process id.
"""

from __future__ import annotations

import fcntl
import shutil
import threading
import time
from contextlib import suppress
from pathlib import Path

from disgorge_core.errors import StoreError
from disgorge_core.jobs.child import Child
from disgorge_core.jobs.failure import ended_by, log_tail
from disgorge_core.jobs.task import QUEUE
from disgorge_core.runs import Run, events, process
from disgorge_core.runs.run import CANCEL, OPEN, WORKER, every_run
from disgorge_core.store import TEMPORARY, write_json

LOOK_BUSY, LOOK_IDLE = 0.2, 1.0  # seconds between two looks at the folders
PAUSE = 5.0  # seconds before a worker that died without work is replaced
LOCK = "dispatcher.lock"


class Dispatcher:
    """Keeps one run going and the next worker warm."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._ready: list[Child] = []
        self._serving: dict[str, Child] = {}  # by run id
        self._closed_runs: set[Path] = set()
        self._next_start = 0.0
        self._woken, self._closing = threading.Event(), threading.Event()
        self._lock = (root / LOCK).open("ab")
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self.dispatching = False

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def wake(self) -> None:
        """Look at once."""
        self._woken.set()

    def close(self) -> None:
        """Stop looking and let the workers go; a run that is under way goes on."""
        self._closing.set()
        self.wake()
        if self._thread.is_alive():
            self._thread.join()
        for child in [*self._ready, *self._serving.values()]:
            child.release()
        self._lock.close()
        self.dispatching = False

    def _loop(self) -> None:
        while not self._closing.is_set():
            busy = False
            # a full disk must not end this thread: the next look may find space again
            with suppress(OSError, StoreError):
                busy = self._take_lock() and self._look()
            self._woken.wait(LOOK_BUSY if busy else LOOK_IDLE)
            self._woken.clear()

    def _take_lock(self) -> bool:
        if not self.dispatching:
            with suppress(BlockingIOError):
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self.dispatching = True
        return self.dispatching

    def _look(self) -> bool:
        """Do what is due; says whether a run is under way."""
        self._keep_warm()
        runs = [run for run in every_run(self._root) if run.folder not in self._closed_runs]
        runs = [run for run in runs if self._still_open(run)]
        running = [run for run in runs if run.state == "running"]
        if runs and self._ready and not running:
            self._begin(runs[0])
        return bool(runs)

    def _keep_warm(self) -> None:
        alive = [child for child in self._ready if child.alive]
        if len(alive) < len(
            self._ready
        ):  # one died idle: where it cannot start, do not try all day
            self._next_start = time.monotonic() + PAUSE
        self._ready = alive
        if not self._ready and time.monotonic() >= self._next_start:
            self._ready.append(Child(self._root, QUEUE, self.wake))

    def _still_open(self, run: Run) -> bool:
        if run.state in OPEN and (run.folder / CANCEL).exists():
            self._cancel(run)
        if run.state == "interrupted":
            self._explain(run)
        if run.state in OPEN:
            return True
        self._closed_runs.add(run.folder)
        self._take_back(run)
        _sweep(run.folder)
        return False

    def _cancel(self, run: Run) -> None:
        worker = run.worker
        if worker:
            process.end_group(worker["pid"], worker["started"])
        if run.state != "done":
            events.append(run.folder, "cancelled")

    def _explain(self, run: Run) -> None:
        """Write down once why the worker is gone."""
        if any(event["kind"] == "interrupted" for event in run.events):
            return
        child = self._serving.get(run.id)
        why = ended_by(child.code if child else None)
        events.append(run.folder, "interrupted", **why, detail=log_tail(run.folder))

    def _take_back(self, run: Run) -> None:
        """A worker whose run ended well is used again; after anything unforeseen it is not."""
        child = self._serving.pop(run.id, None)
        if child is None:
            return
        expected = any(event.get("expected") for event in run.events)
        if child.alive and (run.state == "done" or expected):
            self._ready.append(child)
        else:
            child.end()

    def _begin(self, run: Run) -> None:
        child = self._ready.pop(0)
        # written before the worker hears of it: whoever comes after a crash must not start it twice
        write_json(run.folder / WORKER, {"pid": child.pid, "started": child.started})
        self._serving[run.id] = child
        with suppress(BrokenPipeError):  # it has just died: the next look finds the run interrupted
            child.send({"run": str(run.folder)})


def _sweep(folder: Path) -> None:
    """Temporary copies that a killed worker left behind."""
    for path in folder.glob(f"{TEMPORARY}*"):
        shutil.rmtree(path, ignore_errors=True)
