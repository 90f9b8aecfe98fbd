"""Two lanes with real worker processes: real trainings, killed, cancelled and asked about."""

from __future__ import annotations

import os
import signal
import threading

import numpy as np
import pytest

from disgorge_core.cases import Cases
from disgorge_core.errors import BadParam, StoreError
from disgorge_core.jobs import Lanes
from disgorge_core.jobs.failure import NoAnswer
from disgorge_core.models.prediction import logits
from disgorge_core.runs import process
from tests.jobs.bench import LONG, SHORT, case_in, ended, found, under_way, until


@pytest.fixture(scope="module")
def case(lanes):
    return case_in(lanes.workspace)


def test_a_run_trains_a_model_and_tells_what_it_does(lanes, case):
    run = ended(lanes, case, lanes.submit(case.id, SHORT))
    assert run.state == "done", (run.problem, run.detail)
    until(lambda: run.events[-1]["kind"] == "done")  # written just after the result
    kinds = [event["kind"] for event in run.events]
    assert kinds[0] == "started" and "progress" in kinds
    assert run.figures and all(np.isfinite(point["loss"]) for point in run.figures)
    assert 0 < run.seconds < 60 and run.position == 0

    cases = Cases(lanes.workspace)
    values = run.result().values
    assert values["model"] in cases.get(case.id).models
    data, model = cases.dataset(case.dataset), cases.model(values["model"])
    x, y = data.arrays("test")
    right = (logits(model, x).argmax(1) == y).mean()
    assert values["splits"]["test"]["value"] == right


def test_a_cancelled_run_is_gone_and_the_next_one_starts(lanes, case):
    run = under_way(lanes, case, lanes.submit(case.id, LONG))
    worker = run.worker
    waiting = lanes.submit(case.id, SHORT)
    assert found(lanes, case, waiting).position == 1
    lanes.cancel(case.id, run.id)
    assert ended(lanes, case, run.id).state == "cancelled"
    assert not process.alive(worker["pid"], worker["started"])
    assert not run.problem and not (run.folder / "result").exists()
    until(lambda: not list(run.folder.glob("tmp-*")))  # temporary copies are swept up
    assert ended(lanes, case, waiting).state == "done"
    lanes.cancel(case.id, waiting)  # too late: nothing happens
    assert found(lanes, case, waiting).state == "done"


def test_one_runs_and_the_others_wait_in_order(lanes, case):
    first = under_way(lanes, case, lanes.submit(case.id, LONG))
    second, third = lanes.submit(case.id, SHORT), lanes.submit(case.id, SHORT)
    assert [found(lanes, case, r).position for r in (first.id, second, third)] == [0, 1, 2]
    lanes.cancel(case.id, second)
    assert ended(lanes, case, second).state == "cancelled"
    assert found(lanes, case, second).started is None  # it never began
    assert found(lanes, case, third).position == 1
    lanes.cancel(case.id, first.id)
    assert ended(lanes, case, third).state == "done"


def test_a_killed_worker_is_explained_and_the_run_can_start_again(lanes, case):
    request = {**SHORT, "recipe": {**SHORT["recipe"], "epochs": 1500}}
    run = under_way(lanes, case, lanes.submit(case.id, request))
    os.kill(run.worker["pid"], signal.SIGKILL)
    run = ended(lanes, case, run.id)
    assert run.state == "interrupted"
    until(lambda: "memory" in run.problem)  # what the exit code says is written down
    assert "memory" in run.remedy
    again = lanes.again(case.id, run.id)
    assert again != run.id and found(lanes, case, again).request == run.request
    under_way(lanes, case, again)
    lanes.cancel(case.id, again)
    assert ended(lanes, case, again).state == "cancelled"


def test_a_run_that_cannot_be_done_says_why(lanes, case):
    run = ended(lanes, case, lanes.submit(case.id, {**SHORT, "architecture": "castle"}))
    assert run.state == "failed" and "'castle'" in run.problem and "mlp" in run.remedy
    assert run.detail == "" and not (run.folder / "result").exists()


def test_questions_are_answered_while_a_run_is_under_way(lanes, case):
    run = under_way(lanes, case, lanes.submit(case.id, LONG))
    rows = [3, 1, 199]
    answer = lanes.ask(case.id, {"task": "predict", "models": list(case.models), "rows": rows})
    cases = Cases(lanes.workspace)
    expected = logits(cases.model(case.models[0]), cases.dataset(case.dataset).x[rows])
    np.testing.assert_array_equal(answer.arrays["logits_0"], expected)
    assert run.state == "running"
    lanes.cancel(case.id, run.id)
    assert ended(lanes, case, run.id).state == "cancelled"


def test_the_same_question_needs_no_worker(lanes, case):
    question = {"task": "predict", "models": list(case.models), "rows": np.array([5, 6])}
    first = lanes.ask(case.id, question)
    without_workers = Lanes(lanes.workspace)
    again = without_workers.ask(case.id, {**question, "rows": [5, 6]}, timeout=0)
    np.testing.assert_array_equal(first.arrays["logits_0"], again.arrays["logits_0"])
    without_workers.close()


def test_many_threads_ask_at_once(lanes, case):
    wanted = dict.fromkeys(range(20, 26))

    def ask(row: int) -> None:
        question = {"task": "predict", "models": list(case.models), "rows": [row]}
        wanted[row] = lanes.ask(case.id, question, timeout=60).arrays["logits_0"]

    threads = [threading.Thread(target=ask, args=(row,)) for row in [*wanted, 20, 21]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cases = Cases(lanes.workspace)
    data, model = cases.dataset(case.dataset), cases.model(case.models[0])
    for row, got in wanted.items():
        np.testing.assert_array_equal(got, logits(model, data.x[[row]]))


def test_a_question_that_takes_too_long_is_stopped_and_the_next_is_answered(lanes, case):
    question = {"task": "predict", "models": list(case.models), "rows": [7]}
    lanes.ask(case.id, {**question, "rows": [8]})  # warm
    with pytest.raises(NoAnswer, match="longer than"):
        lanes.ask(case.id, question, timeout=0)
    assert lanes.ask(case.id, question).arrays["logits_0"].shape == (1, 10)


def test_a_question_without_an_answer_says_why(lanes, case):
    with pytest.raises(NoAnswer, match="no row 10000"):
        lanes.ask(case.id, {"task": "predict", "models": list(case.models), "rows": [10_000]})


@pytest.mark.parametrize(
    "request_",
    [{"task": "predict"}, {"task": "train", "colour": "red"}, {"task": "predict", "models": [{1}]}],
)
def test_wrong_requests_are_refused_before_they_wait(lanes, case, request_):
    before = len(Cases(lanes.workspace).runs(case.id))
    with pytest.raises(BadParam):
        lanes.submit(case.id, request_)
    assert len(Cases(lanes.workspace).runs(case.id)) == before


def test_ids_from_links_cannot_lead_elsewhere(lanes, case):
    for wrong in ("../../etc", "nothing", ""):
        with pytest.raises(StoreError):
            lanes.submit(wrong, SHORT)
        with pytest.raises(StoreError):
            lanes.cancel(case.id, wrong)
