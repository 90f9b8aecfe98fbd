"""Jobs, on the digits: first progress of a run when the workers are warm (bar: 1 s), cancel (2 s),
a question asked for the first time and again. Run: python -m benchmarks.jobs [repeats]
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from statistics import median

from disgorge_core.cases import Cases
from disgorge_core.jobs import Lanes, Run
from disgorge_core.runs import process
from disgorge_core.store import Workspace

LONG = {"task": "train", "recipe": {"epochs": 10_000}}


def until(true: Callable[[], object]) -> float:
    """Seconds until it is true."""
    start = time.perf_counter()
    while not true():
        time.sleep(0.005)
    return time.perf_counter() - start


def trained(run: Run) -> bool:
    """Whether the training itself has reported, not only the worker."""
    return bool(run.figures)


def one(lanes: Lanes, cases: Cases, case_id: str) -> dict[str, float]:
    """One run from its submission to its cancelled end."""
    start = time.perf_counter()
    run = cases.run(case_id, lanes.submit(case_id, LONG))
    until(lambda: any(event["kind"] == "progress" for event in run.events))
    first = time.perf_counter() - start
    until(lambda: trained(run))
    training = time.perf_counter() - start
    worker = run.worker
    lanes.cancel(case_id, run.id)
    ended = until(lambda: run.state == "cancelled")
    gone = ended + until(lambda: not process.alive(worker["pid"], worker["started"]))
    return {
        "first progress": first,
        "first loss": training,
        "cancelled": ended,
        "worker gone": gone,
    }


def questions(lanes: Lanes, case_id: str, model: str, number: int) -> dict[str, float]:
    """A new question, and the same one again."""
    request = {"task": "predict", "models": [model], "rows": [number]}
    times = {}
    for name in ("question", "same question"):
        start = time.perf_counter()
        lanes.ask(case_id, request)
        times[name] = time.perf_counter() - start
    return times


def main() -> None:
    """Print the median and the worst of each time."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as home:
        workspace = Workspace(home)
        cases, lanes = Cases(workspace), Lanes(workspace)
        case = cases.open_example("digits")
        lanes.start()
        one(lanes, cases, case.id)  # warms both workers of the queue
        questions(lanes, case.id, case.models[0], 0)
        found = []
        for number in range(1, repeats + 1):
            time.sleep(8)  # so that the spare worker has imported everything
            times = one(lanes, cases, case.id)
            found.append({**times, **questions(lanes, case.id, case.models[0], number)})
        lanes.close()
    for name in found[0]:
        times = [each[name] for each in found]
        print(f"{name:15s} median {median(times):.3f} s, worst {max(times):.3f} s")


if __name__ == "__main__":
    main()
