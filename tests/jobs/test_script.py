"""Copy as code: the script of a run, executed by itself, makes the run's own model and numbers."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from disgorge_core import training
from disgorge_core.cases import Case, Cases, Recent
from disgorge_core.comparison import Comparison, overview
from disgorge_core.data.address import digest
from disgorge_core.data.forget_set import of
from disgorge_core.jobs.child import THREADS
from disgorge_core.jobs.script import script
from disgorge_core.jobs.task import Desk, task_of
from disgorge_core.regimes.sharded import Sharded
from disgorge_core.runs import Run, result
from disgorge_core.runs.run import RESULT, new_run
from disgorge_core.store import Workspace
from disgorge_core.types import Recipe, silent
from tests.jobs import bench

HOSTILE = "x\nimport os; os.abort()\n'''\"\"\""
RUN_ALL = "import runpy, sys\nfor p in sys.argv[1:]:\n    print(p); runpy.run_path(p)"
RECIPE = Recipe(epochs=2, batch=32, l2=0.01)


def ran(cases: Cases, case: Case, **request: Any) -> Run:
    """A finished run, made by the real task in this process."""
    run = new_run(cases.workspace.case(case.id), request)
    desk = Desk(cases, case.id, run.folder, silent, Recent(2, cases.workspace.model))
    result.save(run.folder / RESULT, task_of(request).run(desk))
    return run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Cases, Case, dict[str, Run]]:
    """One run for each way that a script can look, under names that try to become code."""
    cases = Cases(Workspace(tmp_path_factory.mktemp("home")))
    data = replace(bench.data(), name=HOSTILE)
    assert data.digest == digest(data)
    mlp = training.fit(data, "mlp", RECIPE, settings={"width": 8}, name=HOSTILE)
    ridge = training.fit(data, "ridge", RECIPE, settings={"blocks": 4})
    shards = training.fit(data, "mlp", RECIPE, regime=Sharded(2))
    case = cases.create("case", data, (mlp, ridge, shards))
    train = data.ids[data.split == 0]
    first = cases.save_forget(case.id, of(data, train[:9], name=HOSTILE, reason=HOSTILE))
    other = cases.save_forget(case.id, of(data, train[20:24], name="other"))

    def removal(method: str, model: str, **more: Any) -> Run:
        request = {"forget": first, "settings": {}, "seed": 3, "references": 0, **more}
        return ran(cases, case, task="disgorge", model=model, method=method, **request)

    found = {
        "retrain": removal("retrain", mlp.digest, references=2),
        "finetune": removal("finetune", mlp.digest, settings={"epochs": 1, "lr": 0.02}),
        "newton": removal("newton", mlp.digest),
        "statistics": removal("statistics", ridge.digest),
        "sisa": removal("sisa", shards.digest),
        "train": ran(cases, case, task="train", architecture="mlp", settings={"width": 4},
                     recipe={"epochs": 1, "seed": 5}, regime={}, label=HOSTILE),
        "shards": ran(cases, case, task="train", architecture="linear", settings={},
                      recipe={"epochs": 1}, regime={"name": "sharded", "shards": 2, "seed": 1}, label=""),
        "influence": ran(cases, case, task="influence", model=mlp.digest, forget=first,
                         estimator="ekfac", settings={"coordinates": 64}, target="margin"),
        "embed": ran(cases, case, task="embed", models=[mlp.digest, ridge.digest],
                     projection="pca", layer=None),
    }  # fmt: skip
    tuned = found["finetune"].result().values["after"]
    found["second"] = removal("finetune", tuned, forget=other, references=1)
    return cases, case, found


@pytest.fixture(scope="module")
def said(runs, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each script prints, all of them run by one fresh interpreter in another folder."""
    cases, _, found = runs
    place = tmp_path_factory.mktemp("scripts")
    for name, run in found.items():
        (place / f"run_{name}.py").write_text(script(cases, run))
    paths = [str(place / f"run_{name}.py") for name in found]
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", RUN_ALL, *paths], cwd=place, capture_output=True,
        text=True, env={"PYTHONPATH": root, "PATH": "", **THREADS}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    parts = [done.stdout.partition(f"{path}\n")[2] for path in paths]
    ends = [*(f"{path}\n" for path in paths[1:]), "\0"]
    return {n: p.partition(e)[0] for n, p, e in zip(found, parts, ends, strict=True)}


@pytest.mark.parametrize(
    "name", ["retrain", "finetune", "newton", "statistics", "sisa", "second", "train", "shards"]
)
def test_the_script_makes_the_same_model(runs, said, name):
    assert "The same model as the run made: True" in said[name]
    outcome = runs[2][name].result().values.get("outcome")
    assert outcome is None or outcome["claim"] in said[name]


@pytest.mark.parametrize("name", ["retrain", "second"])
def test_its_references_give_the_same_scores(runs, said, name):
    cases, case, found = runs
    arrays = found[name].result().arrays
    table = overview(Comparison.from_arrays(arrays), cases.dataset(case.dataset))
    assert table.to_string() in said[name]


def test_influence_and_maps_are_the_same_numbers(runs, said):
    wanted = runs[2]["influence"].result().arrays["on_queries"]
    shown = said["influence"].partition("[")[2].rpartition("]")[0]
    np.testing.assert_allclose(np.array(shown.split(), dtype=float), wanted, rtol=1e-4, atol=1e-7)
    assert said["embed"].count("array(") == 2


def test_names_of_others_stay_text(runs):
    cases, _, found = runs
    for run in found.values():
        tree = ast.parse(script(cases, run))
        modules = {
            a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names
        }
        assert modules <= {"os", "numpy", "disgorge_core"}
        assert "abort" not in {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}


def test_any_other_task_is_put_into_the_queue_again(runs):
    cases, case, _ = runs
    run = new_run(cases.workspace.case(case.id), {"task": "something", "words": [HOSTILE]})
    tree = ast.parse(script(cases, run))
    call = next(n for n in ast.walk(tree) if isinstance(n, ast.Call) and len(n.args) == 2)
    assert ast.literal_eval(call.args[1]) == run.request
