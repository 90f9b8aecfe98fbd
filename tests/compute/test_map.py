from __future__ import annotations

import os
import time

import numpy as np
import pytest

from disgorge_core import compute
from disgorge_core.compute import pool
from disgorge_core.errors import BadParam, Cancelled, DisgorgeError
from disgorge_core.types import Progress


def square(task, report):
    report(Progress(0.5, f"half of {task}"))
    return task * task, os.getpid(), os.environ["OMP_NUM_THREADS"]


def refuse(task, report):
    raise BadParam("This is wrong.", "Make it right.")


def end(task, report):
    os._exit(3)


def sleep(task, report):
    time.sleep(task)


def total(shared, report):
    return float(shared.open().sum())


def nested(task, report):
    return compute.map(square, [task, task + 1], workers=2)


def test_results_come_in_order_from_other_processes_that_stay_warm():
    first = compute.map(square, list(range(7)), workers=2)
    again = compute.map(square, list(range(7)), workers=2)
    assert [value for value, _, _ in first] == [n * n for n in range(7)]
    pids = {pid for _, pid, _ in first + again}
    assert len(pids) == 2 and os.getpid() not in pids
    assert {threads for _, _, threads in first} == {"1"}


def test_progress_is_heard():
    heard = []
    compute.map(square, [3, 4], workers=2, on_progress=lambda *pair: heard.append(pair))
    assert (0, Progress(0.5, "half of 3")) in heard and (1, Progress(1.0)) in heard


def test_one_worker_stays_here():
    assert compute.map(lambda task, report: task + 1, [1, 2], workers=1) == [2, 3]


def test_what_cannot_travel_is_done_here():
    assert compute.map(lambda task, report: os.getpid(), [1, 2], workers=2) == [os.getpid()] * 2


def test_errors_come_home_whole():
    with pytest.raises(BadParam) as caught:
        compute.map(refuse, [1, 2, 3], workers=2)
    assert (caught.value.problem, caught.value.remedy) == ("This is wrong.", "Make it right.")


def test_a_worker_that_dies_is_told_and_replaced():
    with pytest.raises(DisgorgeError, match="worker process ended"):
        compute.map(end, [1, 2], workers=2)
    assert len(compute.map(square, [1, 2], workers=2)) == 2


def test_cancelling_ends_the_workers_at_once():
    def cancel(index, progress):
        raise Cancelled("You stopped the work.")

    started = time.monotonic()
    with pytest.raises(Cancelled):
        compute.map(sleep, [60, 60], workers=2, on_progress=cancel)
    assert time.monotonic() - started < 30


def test_a_worker_does_not_start_workers():
    outer = compute.map(nested, [1, 5], workers=2)
    assert [[value for value, _, _ in inner] for inner in outer] == [[1, 4], [25, 36]]
    assert all(len({pid for _, pid, _ in inner}) == 1 for inner in outer)


def test_shared_arrays_are_read_by_workers_and_then_gone():
    array = np.arange(1000.0)
    with compute.shared({"x": array}) as found:
        assert compute.map(total, [found["x"]] * 2, workers=2) == [array.sum()] * 2
        path = found["x"].path
    assert not path.exists()


def test_closing_leaves_no_worker():
    compute.map(square, [1, 2], workers=2)
    crew = list(pool._idle)
    compute.pool.close()
    assert crew and all(worker.process.poll() is not None for worker in crew)
