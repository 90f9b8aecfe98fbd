"""Servers that end, come back, or share a workspace."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from disgorge_core.jobs import Lanes
from disgorge_core.jobs.dispatcher import Dispatcher
from disgorge_core.runs import process
from disgorge_core.runs.run import WORKER
from disgorge_core.store import Workspace
from tests.jobs.bench import LONG, SHORT, case_in, ended, found, under_way, until

SERVER = """
import json, sys
from disgorge_core.jobs import Lanes
from disgorge_core.store import Workspace
lanes = Lanes(Workspace(sys.argv[1]))
lanes.start()
print(json.dumps([lanes.submit(sys.argv[2], request) for request in json.loads(sys.argv[3])]), flush=True)
sys.stdin.read()
"""
ROOT = Path(__file__).parents[2]


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


def server(workspace: Workspace, case_id: str, requests: list[dict]) -> tuple:
    """A server in a process of its own, and the ids of the runs that it was asked for."""
    child = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(workspace.root), case_id, json.dumps(requests)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    return child, json.loads(child.stdout.readline())


def end(child: subprocess.Popen) -> None:
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdin.close()
    child.stdout.close()


def test_a_run_outlives_its_server_and_the_next_one_takes_it_over(workspace):
    case = case_in(workspace)
    child, (first, second) = server(workspace, case.id, [LONG, SHORT])
    later = Lanes(workspace)  # reads while the other holds the lock
    run = under_way(later, case, first)
    later.start()
    end(child)
    until(lambda: later.dispatching)

    before = len(run.events)
    until(lambda: len(run.events) > before)  # still reporting
    assert run.state == "running" and found(later, case, second).position == 1
    later.cancel(case.id, first)
    assert ended(later, case, first).state == "cancelled"
    assert not process.alive(run.worker["pid"], run.worker["started"])
    assert ended(later, case, second).state == "done"
    later.close()


def test_one_server_dispatches_and_hands_over(workspace):
    case, lanes = (
        case_in(workspace),
        Lanes(workspace),
    )  # without workers: these are the dispatchers'
    lost = found(lanes, case, lanes.submit(case.id, SHORT))
    gone = {"pid": 2**22 + 1, "started": "before"}  # above the largest process id
    (lost.folder / WORKER).write_text(json.dumps(gone))

    first, second = Dispatcher(workspace.root), Dispatcher(workspace.root)
    first.start()
    until(lambda: first.dispatching)
    second.start()
    run = under_way(lanes, case, lanes.submit(case.id, LONG))
    assert first.dispatching and not second.dispatching
    assert (
        lost.state == "interrupted" and lost.remedy and lost.started is None
    )  # and not begun again
    lanes.cancel(case.id, run.id)
    assert ended(lanes, case, run.id).state == "cancelled"
    first.close()
    until(lambda: second.dispatching)
    assert ended(lanes, case, lanes.submit(case.id, SHORT)).state == "done"
    second.close()
    lanes.close()
