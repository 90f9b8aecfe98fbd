"""A run keeps what influence predicted before it, and says why where it could not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from disgorge_core import training
from disgorge_core.cases import Cases, Recent
from disgorge_core.influence.ekfac import EkFacInfluence
from disgorge_core.jobs import foretold
from disgorge_core.jobs.task import Desk, task_of
from disgorge_core.metrics import margins
from disgorge_core.runs import TaskResult, result
from disgorge_core.store import Workspace
from disgorge_core.types import Recipe, silent
from tests.jobs import bench
from tests.methods.small import first


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    workspace = Workspace(tmp_path_factory.mktemp("workspace"))
    cases, data = Cases(workspace), bench.data()
    recipe = Recipe(epochs=120, lr=0.5, batch=120, l2=0.1)
    model = training.fit(data, bench.LAYERS, recipe, name="converged")
    case = cases.create("Digits", data, (model,))
    return Desk(cases, case.id, workspace.root, silent, Recent(8, workspace.model))


def removal(desk: Desk, digest: str, references: int = 2, method: str = "retrain") -> TaskResult:
    fid = desk.cases.save_forget(desk.case_id, first(desk.data, 15))
    request = {"task": "disgorge", "model": digest, "forget": fid, "method": method}
    found = task_of({**request, "references": references}).run(desk)
    folder = desk.folder / "results" / str(len(list(desk.folder.glob("results/*"))))
    result.save(folder, found)
    return result.read(folder)


def added(desk: Desk, **changes) -> str:
    return desk.cases.add_model(desk.case_id, replace(bench.model(desk.data), **changes))


def test_the_prediction_is_stored_as_it_was_made_and_ranked_by_hand(desk):
    digest, data = desk.case.models[0], desk.data
    found = removal(desk, digest)
    gone = first(data, 15).mask(data)
    rows, change = found.arrays["predicted_rows"], found.arrays["predicted"]
    assert change.dtype == np.float32
    assert set(rows) == set(np.flatnonzero((data.split > 0) | gone))
    expected = EkFacInfluence().predicted_change(desk.model(digest), data, gone, rows)
    np.testing.assert_allclose(change, expected, atol=1e-5)

    before, y = found.arrays["before"], data.y
    test = rows[data.split[rows] == 2]
    real = np.mean([margins(z[test], y[test]) for z in found.arrays["references"]], 0)
    real -= margins(before[test], y[test])
    then = before[test] + change[data.split[rows] == 2]
    guess = margins(then, y[test]) - margins(before[test], y[test])
    held = {(h["set"], h["measured"]): h for h in found.values["prediction"]["held"]}
    row = held["Test", "references"]
    assert row["rank"] == pytest.approx(spearmanr(guess, real)[0], abs=1e-6)
    assert row["rank"] > 0.95  # a convex model that was trained to the end
    assert {name for name, _ in held} == {"Removed records", "Validation", "Test"}


@pytest.mark.parametrize("what", ["unknown which records", "average of 2"])
def test_where_influence_cannot_speak_the_reason_is_stored(desk, what):
    twice = bench.model(desk.data).members * 2
    changes = {"members": twice} if "2" in what else {"seen": None}
    found = removal(desk, added(desk, **changes), 0, "guard")
    assert what in found.values["prediction"]["why_not"]
    assert not found.values["prediction"]["held"] and "predicted" not in found.arrays


def test_the_outcome_is_the_same_without_a_prediction(desk, monkeypatch):
    digest = desk.case.models[0]
    told = removal(desk, digest, 0)
    without = foretold.Foretold(why_not="Not asked.")
    monkeypatch.setattr("disgorge_core.jobs.tasks.disgorge.foretold", lambda *_: without)
    plain = removal(desk, digest, 0)
    assert plain.values["after"] == told.values["after"]
    np.testing.assert_array_equal(plain.arrays["after"], told.arrays["after"])


def test_many_records_are_thinned_out_evenly_and_it_is_said(desk, monkeypatch):
    monkeypatch.setattr(foretold, "MOST", 10)
    data = desk.data
    gone = first(data, 15).mask(data)
    rows, notes = foretold.asked(data, gone)
    outside = np.flatnonzero(data.split > 0)
    assert len(rows) == 20 and np.isin(rows[:10], outside).all() and gone[rows[10:]].all()
    assert {outside[0], outside[-1]} <= set(rows)
    assert notes == ("The prediction was made for 20 of 95 records, evenly spaced.",)
