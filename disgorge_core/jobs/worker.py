"""The process that works: `python -m disgorge_core.jobs.worker <workspace> queue|interactive`.

It imports torch and the library first, so that it is warm, and then reads one JSON line a task from
standard input. Nobody has to be there while it works: a server that ends leaves a running task alone,
and the worker ends after it, at the end of its input.
"""

from __future__ import annotations

import faulthandler
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from disgorge_core.cases import Cases, Recent
from disgorge_core.errors import Cancelled, DisgorgeError
from disgorge_core.jobs.failure import CANNOT_WRITE, LOG, told
from disgorge_core.jobs.features import CaseFeatures
from disgorge_core.jobs.task import INTERACTIVE, Desk, task_of
from disgorge_core.models.backbones.kept import kept_in
from disgorge_core.registry import TASKS
from disgorge_core.runs import Run, events, result
from disgorge_core.runs.run import RESULT, SCRATCH, WORKER
from disgorge_core.store import Workspace, building, write_json
from disgorge_core.types import Progress, silent

EVERY = 0.2  # seconds between two written reports; a long run reports ever less often
OF_SPENT = 1 / 2000
HEARTBEAT = 1.0  # seconds
KEPT = 8  # models, features, curvatures
NICE = 5  # long runs give way to the screens


class Reporter:
    """Writes progress as events, not too often; what was left out last is written at the end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._began = time.monotonic()
        self._next = 0.0
        self._held: Progress | None = None

    def __call__(self, progress: Progress) -> None:
        """Take a report; figures that were held back go with the next one that has none."""
        held = self._held.figures if self._held else {}
        self._held = replace(progress, figures=progress.figures or held)
        if time.monotonic() >= self._next:
            self.flush()

    def flush(self) -> None:
        """Write the last report if it was held back."""
        if self._held is None:
            return
        p, self._held = self._held, None
        figures = {name: float(value) for name, value in p.figures.items()}
        events.append(
            self._folder, "progress", share=float(p.share), message=p.message, figures=figures
        )
        now = time.monotonic()
        self._next = now + max(EVERY, (now - self._began) * OF_SPENT)


def serve_queue(cases: Cases) -> None:
    """Take one run after another until the input ends."""
    for line in sys.stdin:
        folder = Path(json.loads(line)["run"])
        with (folder / LOG).open("ab") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        work(cases, Run(folder))


def work(cases: Cases, run: Run) -> None:
    """Do one run, whatever comes of it; raises OSError only where nothing can be written."""
    events.append(run.folder, "started")
    report = Reporter(run.folder)
    features = kept_in(CaseFeatures(cases, run.case_id))
    with _beating(run.folder / WORKER), _scratch(run.folder / SCRATCH), features:
        try:
            report(Progress(0.0, "Opening the case"))
            recent = Recent(KEPT, cases.workspace.model)
            desk = Desk(cases, run.case_id, run.folder, report, recent)
            found = task_of(run.request).run(desk)
            report.flush()
            result.save(run.folder / RESULT, found)
            events.append(run.folder, "done")
        except Cancelled:
            events.append(run.folder, "cancelled")
        except Exception as error:  # the boundary of the process: the run must say what happened
            expected = isinstance(error, DisgorgeError)
            events.append(run.folder, "failed", expected=expected, **told(error))


@contextmanager
def _beating(path: Path) -> Iterator[None]:
    """Touch the file every second, from a thread that does nothing else."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(HEARTBEAT):
            with suppress(OSError):
                os.utime(path)

    threading.Thread(target=beat, daemon=True).start()
    try:
        yield
    finally:
        done.set()


@contextmanager
def _scratch(folder: Path) -> Iterator[None]:
    """Temporary copies of the data lie in the run, so that a kill or a purge leaves none behind."""
    folder.mkdir(exist_ok=True)
    tempfile.tempdir = str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = None
        shutil.rmtree(folder, ignore_errors=True)


def serve_questions(cases: Cases, say: Callable[[dict[str, Any]], None]) -> None:
    """Answer one question after another until the input ends; results go into the cache."""
    recent = Recent(KEPT, cases.workspace.model)
    say({"ready": True})
    for line in sys.stdin:
        question = json.loads(line)
        try:
            _answer(cases, recent, question)
        except Exception as error:  # the boundary of the process: the asker must hear what happened
            say(told(error))
        else:
            say({"done": True})


def _answer(cases: Cases, recent: Recent, question: dict[str, Any]) -> None:
    request = dict(question["request"])
    folder, case_id = Path(question["folder"]), request.pop("case")
    with kept_in(CaseFeatures(cases, case_id)):
        found = task_of(request).run(Desk(cases, case_id, folder, silent, recent))
    with cases.locked(), building(folder) as draft:
        cases.get(case_id)  # a case that was purged meanwhile gets no new copy
        write_json(draft / "request.json", question["request"])
        result.fill(draft, found)


def _private_output() -> Callable[[dict[str, Any]], None]:
    """A way to answer on standard output, where from now on nothing that is printed gets in between."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(answer: dict[str, Any]) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    return say


def main() -> None:
    """Warm up, then serve the lane that the command line names."""
    root, lane = sys.argv[1:]
    faulthandler.enable()
    say = _private_output()
    cases = Cases(Workspace(root))
    list(TASKS)  # imports the tasks and with them the library
    if lane == INTERACTIVE:
        with suppress(BrokenPipeError):  # the asker is gone
            serve_questions(cases, say)
        return
    os.nice(NICE)
    try:
        serve_queue(cases)
    except OSError:
        sys.exit(CANNOT_WRITE)


if __name__ == "__main__":
    main()
