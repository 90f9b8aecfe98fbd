"""Cases on disk: what they hold, who shares it, and that a purge leaves nothing behind."""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from disgorge_core import cases as module
from disgorge_core.cases import Cases, Recent
from disgorge_core.errors import BadForgetSet, StoreError
from disgorge_core.examples.shipped import example
from disgorge_core.runs import TaskResult, events, process, result
from disgorge_core.runs.run import RESULT, WORKER
from disgorge_core.store import Workspace, write_json
from disgorge_core.types import digest_of
from tests.jobs import bench
from tests.methods.small import first


@pytest.fixture
def cases(tmp_path):
    return Cases(Workspace(tmp_path / "workspace"))


def files(cases: Cases) -> set[str]:
    root = cases.workspace.root
    return {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()}


def cached(cases: Cases, about: dict) -> Path:
    folder = cases.workspace.root / "cache" / digest_of(about)
    result.save(folder, TaskResult({}, {"z": np.arange(3)}))
    write_json(folder / "request.json", about)
    return folder


def test_a_case_comes_back_as_it_was(cases):
    data = bench.data()
    models = tuple(bench.model(data, seed) for seed in (0, 1))
    case = cases.create("Owls & Co / 2024", data, models)
    assert case.id.startswith("owls-co-2024-")
    again = Cases(Workspace(cases.workspace.root))
    assert again.get(case.id) == case and again.list() == [case]
    assert case.models == tuple(model.digest for model in models)
    loaded = again.dataset(case.dataset)
    assert loaded.digest == data.digest
    np.testing.assert_array_equal(loaded.x, data.x)
    assert again.model_card(case.models[1])["recipe"]["seed"] == 1


def test_a_model_is_never_shared_and_the_dataset_is(cases):
    case = bench.case_in(cases.workspace)
    one, other = cases.model(case.models[0]), cases.model(case.models[0])
    with torch.no_grad():
        next(one.network.parameters()).zero_()
    assert next(other.network.parameters()).abs().sum() > 0
    assert cases.dataset(case.dataset) is cases.dataset(case.dataset)


def test_models_are_added_once_and_last(cases):
    case = bench.case_in(cases.workspace)
    new = bench.model(bench.data(), seed=5)
    assert cases.add_model(case.id, new) == new.digest
    assert cases.add_model(case.id, new) == new.digest
    assert cases.get(case.id).models == (*case.models, new.digest)


def test_forget_sets_are_kept_listed_and_deleted(cases):
    case, data = bench.case_in(cases.workspace), bench.data()
    some, fewer = first(data, 12), first(data, 3)
    fid = cases.save_forget(case.id, some)
    assert cases.save_forget(case.id, some) == fid  # the same content once
    named = cases.save_forget(case.id, replace(some, name="Artist 07"))
    os.utime(cases.workspace.case(case.id) / "forget" / f"{fid}.json", (1, 1))
    assert asdict(cases.forget(case.id, fid)) == asdict(some) and named != fid
    assert [entry[0] for entry in cases.forget_sets(case.id)] == [named, fid]
    assert cases.forget_sets(case.id)[1][2].startswith("1970-01-01T00:00:01")

    cases.queue(case.id, {"task": "disgorge", "forget": fid})
    with pytest.raises(StoreError, match="A run used"):
        cases.delete_forget(case.id, fid)
    cases.delete_forget(case.id, named)
    assert [entry[0] for entry in cases.forget_sets(case.id)] == [fid]
    with pytest.raises(BadForgetSet, match="another dataset"):
        cases.save_forget(case.id, replace(fewer, dataset="0" * 64))


@pytest.mark.parametrize("wrong", ["", "..", "../../etc", "a/b", "nothing", "tmp-1", "x" * 200])
def test_ids_from_links_lead_nowhere_else(cases, wrong):
    case = bench.case_in(cases.workspace)
    for ask in (cases.get, cases.purge, lambda w: cases.run(case.id, w)):
        with pytest.raises(StoreError):
            ask(wrong)
    with pytest.raises(StoreError):
        cases.forget(case.id, wrong)
    with pytest.raises(StoreError):
        cases.model(wrong)


def test_a_purge_lists_everything_and_leaves_nothing(cases):
    case = bench.case_in(cases.workspace)
    fid = cases.save_forget(case.id, first(bench.data()))
    run = cases.queue(case.id, {"task": "disgorge", "forget": fid})
    events.append(run.folder, "started")
    result.save(run.folder / RESULT, TaskResult({}, {"z": np.arange(3)}))
    cached(cases, {"task": "predict", "models": list(case.models), "case": "another"})
    cached(cases, {"task": "overview", "case": case.id})
    cached(cases, {"task": "references", "dataset": case.dataset, "case": "another"})
    foreign = cached(cases, {"task": "overview", "case": "another"})
    cases.dataset(case.dataset)

    before = files(cases)
    gone = cases.purge(case.id)
    assert set(gone) == before - files(cases)
    left = {name for name in files(cases) if not name.startswith(str(foreign.parent.name))}
    assert left <= {"cases.lock"} and foreign.exists()
    assert not any(name in str(p) for p in cases.workspace.root.rglob("*") for name in case.models)
    with pytest.raises(StoreError):
        cases.dataset(case.dataset)  # not even the copy in memory
    assert cases.list() == []


def test_a_purge_keeps_what_another_case_uses(cases):
    data = bench.data()
    shared, own = bench.model(data, 0), bench.model(data, 1)
    one, other = cases.create("One", data, (shared, own)), cases.create("Two", data, (shared,))
    gone = cases.purge(one.id)
    assert any(own.digest in name for name in gone)
    assert not any(shared.digest in name or data.digest in name for name in gone)
    assert cases.model(other.models[0]).digest == shared.digest
    assert len(cases.dataset(other.dataset)) == len(data)


def test_a_case_at_work_is_not_purged(cases):
    case = bench.case_in(cases.workspace)
    run = cases.queue(case.id, {"task": "train"})
    with pytest.raises(StoreError, match="Cancel it first"):
        cases.purge(case.id)
    me = {"pid": os.getpid(), "started": process.identity(os.getpid())}
    write_json(run.folder / WORKER, me)
    with pytest.raises(StoreError, match="Cancel it first"):
        cases.purge(case.id)
    assert cases.get(case.id) == case
    events.append(run.folder, "cancelled")
    cases.purge(case.id)


def test_a_purge_that_was_cut_off_can_be_repeated(cases, monkeypatch):
    case = bench.case_in(cases.workspace)
    whole = cases.workspace.purge
    monkeypatch.setattr(cases.workspace, "purge", lambda paths: whole(list(paths)[:1]))
    cases.purge(case.id)
    monkeypatch.undo()
    assert cases.get(case.id) == case  # still there to be purged
    cases.purge(case.id)
    assert files(cases) <= {"cases.lock"}


def test_a_worked_example_is_made_once_with_its_forget_set(cases, monkeypatch):
    case = cases.open_example("digits")
    shipped = example("digits")
    assert (case.id, case.example, case.name) == ("digits", "digits", shipped.title)
    assert case.models == (shipped.model.digest,) and case.dataset == shipped.dataset.digest
    [(_, forget, _)] = cases.forget_sets("digits")
    assert asdict(forget) == asdict(shipped.forget)
    monkeypatch.setattr(module, "example", None)  # reopening loads nothing
    assert cases.open_example("digits") == case


def test_what_was_made_recently_is_kept_and_the_oldest_goes(tmp_path):
    made = []
    recent = Recent(2, lambda digest: tmp_path / digest)
    for name in "abc":
        (tmp_path / name).mkdir()
    got = [recent.get(d, lambda d=d: made.append(d) or d.upper()) for d in "abacb"]
    assert got == ["A", "B", "A", "C", "B"]
    assert made == ["a", "b", "c", "b"]  # b went, because a was looked at later
    assert recent.get("b", lambda: recent.get("c", lambda: "new"), "two") == "C"  # may be nested
    (tmp_path / "b").rmdir()
    assert recent.get("b", lambda: "again") == "again"
