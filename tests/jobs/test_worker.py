"""What a worker writes down, whatever its task does."""

from __future__ import annotations

import errno
import json
import tempfile
from pathlib import Path

import numpy as np
import pytest

from disgorge_core import training
from disgorge_core.cases import Cases
from disgorge_core.errors import StoreError
from disgorge_core.jobs import Lanes, worker
from disgorge_core.jobs.failure import CANNOT_WRITE, ended_by
from disgorge_core.jobs.task import QUEUE, canonical
from disgorge_core.runs import events
from disgorge_core.store import Workspace
from disgorge_core.types import Progress
from tests.jobs.bench import SHORT, case_in


@pytest.fixture
def cases(tmp_path):
    return Cases(Workspace(tmp_path))


@pytest.fixture
def run(cases):
    case = case_in(cases.workspace)
    return cases.queue(case.id, canonical(SHORT, QUEUE))


def full(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


def raising(error: BaseException):
    def fail(*_, **__):
        raise error

    return fail


def test_a_done_run(cases, run):
    worker.work(cases, run)
    assert run.state == "done" and run.result().values["model"] in cases.get(run.case_id).models


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (ZeroDivisionError("a tenth"), "The worker stopped: ZeroDivisionError."),
        (MemoryError(), "The machine ran out of memory."),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "ran out of memory"),
        (OSError(errno.ENOSPC, "No space"), "The disk is full."),
    ],
)
def test_an_unforeseen_error_is_told_with_a_remedy_and_a_traceback(
    cases, run, monkeypatch, error, problem
):
    monkeypatch.setattr(training, "fit", raising(error))
    worker.work(cases, run)
    assert run.state == "failed" and problem in run.problem and run.remedy
    assert "Traceback" in run.detail and "train.py" in run.detail
    assert not run.events[-1]["expected"]  # so the lane takes a fresh worker


def test_temporary_files_lie_in_the_run_and_go_with_it(cases, run, monkeypatch):
    lay = []

    def peek(*_, **__):
        lay.append(Path(tempfile.mkdtemp()))
        raise StoreError("No.")

    monkeypatch.setattr(training, "fit", peek)
    worker.work(cases, run)
    assert run.folder in lay[0].parents and not lay[0].exists()


def test_a_foreseen_error_has_no_traceback(cases, run, monkeypatch):
    monkeypatch.setattr(training, "fit", raising(StoreError("No.", "Yes.")))
    worker.work(cases, run)
    assert (run.state, run.problem, run.remedy, run.detail) == ("failed", "No.", "Yes.", "")
    assert run.events[-1]["expected"]


def test_a_full_disk_at_the_result_leaves_no_half(cases, run, monkeypatch):
    monkeypatch.setattr(np, "savez", full)
    worker.work(cases, run)
    assert run.state == "failed" and "disk is full" in run.problem
    assert not list(run.folder.glob("tmp-*")) and not (run.folder / "result").exists()


def test_a_disk_so_full_that_not_even_that_can_be_said(cases, run, monkeypatch):
    monkeypatch.setattr(events, "append", full)
    with pytest.raises(OSError, match="No space"):
        worker.work(cases, run)
    assert run.state == "queued" and "disk is full" in ended_by(CANNOT_WRITE)["problem"]


def test_a_full_disk_at_the_request_leaves_no_run(cases, run, monkeypatch):
    lanes = Lanes(cases.workspace)
    before = list((run.folder.parent).iterdir())
    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(StoreError, match="disk is full"):
        lanes.submit(run.case_id, SHORT)
    assert list(run.folder.parent.iterdir()) == before
    lanes.close()


def test_reports_are_few_and_the_last_is_never_lost(run):
    report = worker.Reporter(run.folder)
    for step in range(1000):
        report(Progress(step / 1000, f"step {step}", {"loss": np.float32(step)}))
    report.flush()
    written = [event for event in run.events if event["kind"] == "progress"]
    assert len(written) < 20
    assert written[0]["share"] == 0.0 and written[-1]["message"] == "step 999"
    assert json.loads(json.dumps(written[-1]["figures"])) == {"loss": 999.0}


def test_why_a_worker_ended():
    assert "SIGSEGV" in ended_by(-11)["problem"]
    assert "memory" in ended_by(-9)["problem"]
    assert "code 3" in ended_by(3)["problem"]
    assert all(ended_by(code)["remedy"] for code in (None, -11, -9, 3, CANNOT_WRITE))
