"""purge: asks first, deletes every copy, lists what went."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from disgorge_core.cases import Case, Cases
from disgorge_core.errors import StoreError
from disgorge_core.runs.run import new_run
from disgorge_core.store import Workspace
from tests.jobs import bench
from tests.methods.small import first
from tests.pages.finished import finished_run


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def case(home: Path) -> Case:
    """Two models, one of them used and one made by a run."""
    cases = Cases(Workspace(home))
    data = bench.data()
    made = cases.create("Digits", data, (bench.model(data, 0), bench.model(data, 1)))
    cases.save_forget(made.id, first(data))
    finished_run(cases, made, references=1)
    return cases.get(made.id)


def files(home: Path) -> set[str]:
    return {str(p.relative_to(home)) for p in home.rglob("*") if p.is_file()}


def test_a_case_goes_with_everything_and_is_listed(call, home, case):
    before = files(home)
    status, said, _ = call("purge", "--case", case.id, "--home", home, "--yes", "--json")
    found = json.loads(said)
    assert status == 0
    assert set(found["files"]) == before - files(home)
    assert files(home) == {"cases.lock"}
    assert found["bytes"] > 0


def test_a_model_goes_with_the_runs_that_used_it(call, home, case):
    cases = Cases(Workspace(home))
    used, other, made = case.models
    before = files(home)
    status, said, _ = call("purge", "--model", used[:12], "--home", home, "--yes")
    assert status == 0
    gone = before - files(home)
    assert set(said.splitlines()[:-1]) == gone
    assert cases.get(case.id).models == (other, made)
    assert cases.runs(case.id) == []  # its result held the model's answers
    left = b"".join((home / name).read_bytes() for name in files(home) if name.endswith(".json"))
    assert left.count(used.encode()) == 1  # as the parent in the lineage of the model made from it
    with pytest.raises(StoreError):
        cases.model(used)
    assert cases.model(made).digest == made


def test_another_models_runs_stay(home, case):
    cases = Cases(Workspace(home))
    cases.purge_model(case.models[1])
    assert len(cases.runs(case.id)) == 1


def test_it_asks_and_anything_but_yes_keeps_all(call, home, case, monkeypatch):
    before = files(home)
    for answer in ("", "no\n", "y\n"):
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        status, said, problem = call("purge", "--case", case.id, "--home", home)
        assert (status, said) == (2, "")
        assert "'Digits' with 3 models and 1 runs" in problem and "Nothing was deleted" in problem
    assert files(home) == before
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    assert call("purge", "--case", case.id, "--home", home)[0] == 0
    assert Cases(Workspace(home)).list() == []


def test_what_is_at_work_or_unknown_is_not_deleted(call, home, case):
    cases = Cases(Workspace(home))
    new_run(cases.workspace.case(case.id), {"task": "disgorge", "model": case.models[0]})
    for words in (["--case", case.id], ["--model", case.models[0]]):
        status, _, problem = call("purge", *words, "--home", home, "--yes")
        assert status == 2 and "Cancel it first" in problem
    status, _, problem = call("purge", "--model", "zz", "--home", home, "--yes")
    assert status == 2 and "names no model" in problem
    status, _, problem = call("purge", "--case", "other", "--home", home, "--yes")
    assert status == 2 and f"There is: {case.id}" in problem
    status, _, problem = call("purge", "--yes", "--home", home)
    assert status == 2 and "--case --model is required" in problem
