"""A run is what its files say, whatever happened to the processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from disgorge_core.errors import StoreError
from disgorge_core.runs import Run, TaskResult, events, process, result
from disgorge_core.runs.run import CANCEL, RESULT, WORKER, every_run, new_run, runs_of


@pytest.fixture
def run(tmp_path):
    return new_run(tmp_path / "cases" / "one", {"task": "train"})


def taken_by(run: Run, pid: int, started: str | None) -> None:
    (run.folder / WORKER).write_text(json.dumps({"pid": pid, "started": started}))


def gone_process() -> tuple[int, str]:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = process.identity(child.pid)
    child.communicate()
    return child.pid, started


def test_a_new_run_waits(run):
    assert (run.state, run.case_id, run.request) == ("queued", "one", {"task": "train"})
    assert (run.share, run.seconds, run.figures, run.problem) == (0.0, 0.0, [], "")
    assert run.started is None and run.ended is None and run.eta_s is None


def test_the_process_that_took_it_decides_between_running_and_interrupted(run):
    taken_by(run, os.getpid(), process.identity(os.getpid()))
    assert run.state == "running"
    taken_by(run, os.getpid(), "another start")  # the number was given to a later process
    assert run.state == "interrupted"
    taken_by(run, *gone_process())
    assert run.state == "interrupted" and run.problem and "Start it again" in run.remedy


def test_a_zombie_is_no_worker():
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert process.identity(child.pid) is None
    child.wait()


def test_a_result_is_the_moment_of_done(run):
    taken_by(run, *gone_process())
    result.save(run.folder / RESULT, TaskResult({"a": 1}, {"z": np.arange(3)}))
    assert run.state == "done" and run.share == 1.0 and run.ended
    events.append(run.folder, "cancelled")  # too late
    assert run.state == "done"
    stored = run.result()
    assert stored.values == {"a": 1} and list(stored.arrays) == ["z"]
    assert stored.arrays["z"].tolist() == [0, 1, 2]
    with pytest.raises(KeyError):
        stored.arrays["nothing"]


def test_half_a_result_is_none(run, monkeypatch):
    def torn(path, **_):
        path.write_bytes(b"half")
        raise OSError("unplugged")

    monkeypatch.setattr(np, "savez", torn)
    with pytest.raises(StoreError):
        result.save(run.folder / RESULT, TaskResult({}, {}))
    assert run.state == "queued" and [p.name for p in run.folder.iterdir()] == ["request.json"]


def test_objects_are_not_stored(run):
    with pytest.raises(ValueError, match="Object arrays"):
        result.save(run.folder / RESULT, TaskResult({}, {"x": np.array([{}], dtype=object)}))
    assert run.state == "queued"


def test_a_torn_line_is_left_out_and_the_next_one_is_whole(run):
    events.append(run.folder, "started")
    events.append(run.folder, "progress", share=0.5, message="half", figures={"loss": 1.0})
    with (run.folder / "events.jsonl").open("ab") as file:
        file.write(b'{"t": 1, "kind": "prog')
    assert run.share == 0.5 and len(run.events) == 2
    events.append(run.folder, "failed", problem="It broke.", remedy="Mend it.")
    assert [e["kind"] for e in run.events] == ["started", "progress", "failed"]
    assert (run.state, run.problem, run.remedy) == ("failed", "It broke.", "Mend it.")


def test_every_cut_of_the_events_can_be_read(run):
    events.append(run.folder, "started")
    events.append(run.folder, "progress", share=0.25, message="café", figures={"loss": 2.0})
    path = run.folder / "events.jsonl"
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        assert run.share in (0.0, 0.25)
        assert len(run.events) == whole[: cut + 1].count(b"\n")  # the last may lack its break


def test_time_left_follows_the_pace(run):
    now = time.time()
    lines = [
        {"t": now - 30, "kind": "started"},
        {"t": now, "kind": "progress", "share": 0.75, "figures": {"loss": 0.1}},
    ]
    (run.folder / "events.jsonl").write_text("".join(json.dumps(e) + "\n" for e in lines))
    taken_by(run, os.getpid(), process.identity(os.getpid()))
    assert run.eta_s == pytest.approx(10, rel=0.05)  # 30 s for three quarters
    assert run.figures == [{"seconds": pytest.approx(30), "loss": 0.1}]


def test_a_worker_without_a_sign_is_said_so(run):
    taken_by(run, os.getpid(), process.identity(os.getpid()))
    assert run.problem == ""
    long_ago = time.time() - 100
    os.utime(run.folder / WORKER, (long_ago, long_ago))
    assert run.state == "running" and "100 seconds" in run.problem and run.remedy


def test_places_in_the_queue_span_cases(tmp_path):
    runs = [new_run(tmp_path / "cases" / name, {"task": "train"}) for name in "abab"]
    (runs[0].folder / RESULT).mkdir()
    (tmp_path / "cases" / "a" / "runs" / "tmp-half").mkdir()
    assert [run.position for run in runs] == [0, 1, 2, 3]
    assert every_run(tmp_path) == runs
    assert runs_of(tmp_path / "cases" / "a") == [runs[2], runs[0]]


def test_a_run_that_was_to_stop_and_whose_worker_is_gone_was_cancelled(run):
    events.append(run.folder, "started")
    taken_by(run, *gone_process())
    (run.folder / CANCEL).touch()
    assert run.state == "cancelled" and run.problem == ""
    spent = run.seconds
    time.sleep(0.05)
    assert run.seconds == spent and run.ended  # the clock has stopped


def test_a_cancelled_run_is_stopping_until_it_has_stopped(run):
    (run.folder / CANCEL).touch()
    assert run.cancelling
    events.append(run.folder, "cancelled")
    assert run.state == "cancelled" and not run.cancelling


def test_an_unknown_run_and_a_missing_result_are_said_in_words(tmp_path, run):
    with pytest.raises(StoreError, match="no run"):
        Run(tmp_path / "cases" / "one" / "runs" / "nothing").request  # noqa: B018
    with pytest.raises(StoreError, match="no readable result"):
        run.result()
