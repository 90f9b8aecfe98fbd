"""One run as its folder tells it: nothing is remembered anywhere else, so any process sees the same.

The run is done from the moment that `result/` exists: it is renamed into place when it is complete.
A run whose worker is gone without a result and without a last word was interrupted.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from disgorge_core.errors import StoreError
from disgorge_core.runs import events, process, result
from disgorge_core.runs.events import Event
from disgorge_core.runs.result import TaskResult
from disgorge_core.store import TEMPORARY, building, write_json
from disgorge_core.types import digest_of

REQUEST, WORKER, RESULT, CANCEL = "request.json", "worker.json", "result", "cancel"
SCRATCH = f"{TEMPORARY}scratch"
OPEN = ("queued", "running")
ENDS = ("failed", "cancelled", "interrupted")
SILENT = 30.0  # seconds without a heartbeat after which the screen says so


@dataclass(frozen=True)
class Run:
    """A view of one run folder; every property is read from the files when it is asked for."""

    folder: Path

    @property
    def id(self) -> str:
        """UTC time of the request and the start of its digest."""
        return self.folder.name

    @property
    def case_id(self) -> str:
        """The case that it belongs to."""
        return self.folder.parent.parent.name

    @cached_property
    def request(self) -> dict[str, Any]:
        """What was asked for: "task" and its arguments."""
        try:
            return dict(json.loads((self.folder / REQUEST).read_text(encoding="utf-8")))
        except (OSError, ValueError):
            raise StoreError(
                f"There is no run {self.id!r} in this case.", "Pick one of the Runs page."
            ) from None

    @property
    def events(self) -> tuple[Event, ...]:
        """Everything that was reported, oldest first."""
        return events.read(self.folder)

    @property
    def worker(self) -> dict[str, Any]:
        """Its worker's process id and start time; empty if none took it yet."""
        try:
            return dict(json.loads((self.folder / WORKER).read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError):
            return {}

    @property
    def state(self) -> str:
        """One of "queued", "running", "done", "failed", "cancelled", "interrupted"."""
        settled = self._settled()
        if settled or not self.worker:
            return settled or "queued"
        if self.worker_alive:
            return "running"
        # a worker that is gone may have finished between the two looks at its files
        stopped = "cancelled" if (self.folder / CANCEL).exists() else "interrupted"
        return self._settled() or stopped

    @property
    def cancelling(self) -> bool:
        """Whether the user asked to stop it and it has not ended yet."""
        return (self.folder / CANCEL).exists() and not self._settled()

    @property
    def worker_alive(self) -> bool:
        """Whether the very process that took the run still exists."""
        found = self.worker
        return bool(found) and process.alive(found["pid"], found["started"])

    @property
    def ended(self) -> float | None:
        """When it ended, in seconds since 1970."""
        end = self._last("done", *ENDS)
        if end:
            return float(end["t"])
        if self.state in OPEN:
            return None
        last = self.folder / (RESULT if self.state == "done" else WORKER)  # its last heartbeat
        return last.stat().st_mtime

    @property
    def started(self) -> float | None:
        """When a worker began, in seconds since 1970."""
        start = self._last("started")
        return float(start["t"]) if start else None

    @property
    def seconds(self) -> float:
        """How long it has worked."""
        return max(0.0, (self.ended or time.time()) - self.started) if self.started else 0.0

    @property
    def share(self) -> float:
        """How much of the work is done, 0..1."""
        return 1.0 if self.state == "done" else float(self._progress.get("share", 0.0))

    @property
    def message(self) -> str:
        """What it is doing, in a few words."""
        return str(self._progress.get("message", ""))

    @property
    def figures(self) -> list[dict[str, float]]:
        """Reported figures over time, each with the "seconds" since the start; for curves."""
        start = self.started or 0.0
        reports = [e for e in self.events if e["kind"] == "progress" and e.get("figures")]
        return [{"seconds": e["t"] - start, **e["figures"]} for e in reports]

    @property
    def eta_s(self) -> float | None:
        """Seconds that are left at the pace so far; None before there is a pace."""
        share, spent = self.share, self.seconds
        if self.state != "running" or share < 0.02 or spent < 1:
            return None
        return spent * (1 - share) / share

    @property
    def position(self) -> int:
        """Place in the queue, 1 for the next to start; 0 for a run that does not wait."""
        if self.state != "queued":
            return 0
        runs = every_run(self.folder.parents[3])
        return 1 + sum(run.id < self.id and run.state == "queued" for run in runs)

    @property
    def problem(self) -> str:
        """What went wrong, in one plain sentence; empty if nothing did."""
        return self._why("problem")

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return self._why("remedy")

    @property
    def detail(self) -> str:
        """The traceback or the worker's last output, for engineers."""
        end = self._last(*ENDS)
        return str(end.get("detail", "")) if end else ""

    def result(self) -> TaskResult:
        """What the task gave; raises StoreError if it is not done."""
        return result.read(self.folder / RESULT)

    @property
    def _progress(self) -> Mapping[str, Any]:
        return self._last("progress") or {}

    def _settled(self) -> str:
        if (self.folder / RESULT).exists():
            return "done"
        end = self._last(*ENDS)
        return str(end["kind"]) if end else ""

    def _last(self, *kinds: str) -> Event | None:
        return next((e for e in reversed(self.events) if e["kind"] in kinds), None)

    def _why(self, part: str) -> str:
        end = self._last(*ENDS)
        if end:
            return str(end.get(part, ""))
        state = self.state
        if state == "interrupted":
            return INTERRUPTED[part]
        return self._silence(part) if state == "running" else ""

    def _silence(self, part: str) -> str:
        silent = (
            time.time() - (self.folder / WORKER).stat().st_mtime
        )  # the heart beats by touching it
        if silent < SILENT:
            return ""
        return {
            "problem": f"The worker has given no sign for {silent:.0f} seconds.",
            "remedy": "Wait a little, or cancel it and start it again.",
        }[part]


def runs_of(case: Path) -> list[Run]:
    """The runs of a case's folder, newest first."""
    folders = (f for f in (case / "runs").glob("*") if not f.name.startswith(TEMPORARY))
    return [Run(folder) for folder in sorted(folders, reverse=True)]


def every_run(root: Path) -> list[Run]:
    """The runs of all cases of a workspace, oldest first."""
    runs = (run for case in (root / "cases").glob("*") for run in runs_of(case))
    return sorted(runs, key=lambda run: run.id)


def new_run(case: Path, request: Mapping[str, Any]) -> Run:
    """A queued run of a canonical request in a case's folder; raises StoreError."""
    now = datetime.now(UTC)
    folder = case / "runs" / f"{now:%Y%m%dT%H%M%S-%f}-{digest_of(dict(request))[:8]}"
    with building(folder) as draft:
        write_json(draft / REQUEST, dict(request))
    return Run(folder)


INTERRUPTED = {
    "problem": "The worker ended before the run was finished.",
    "remedy": "Start it again; nothing that was shown as done is lost.",
}
