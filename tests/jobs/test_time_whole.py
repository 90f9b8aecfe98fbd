"""The price of training a whole network is measured before it is chosen; then a run trains it."""

from __future__ import annotations

import io
import shutil
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from disgorge_core.cases import Cases, Recent
from disgorge_core.data.address import digest
from disgorge_core.errors import BadParam
from disgorge_core.jobs.cards import model_card
from disgorge_core.jobs.references import missing_references, references
from disgorge_core.jobs.script import script
from disgorge_core.jobs.task import QUEUE, Desk, canonical, task_of
from disgorge_core.jobs.tasks.bring import taken_in
from disgorge_core.jobs.worker import work
from disgorge_core.models.backbones import whole
from disgorge_core.models.backbones.whole import Whole
from disgorge_core.models.saved import load_model_folder
from disgorge_core.store import Workspace
from disgorge_core.types import Dataset, silent
from disgorge_core.words import NOT_KNOWN
from tests import tiny_models
from tests.training.small_texts import texts

RECIPE = {"epochs": 1, "lr": 1e-3, "batch": 16, "optimiser": "adam"}


@pytest.fixture(scope="module")
def data() -> Dataset:
    plain = texts(40)
    return replace(plain, digest=digest(plain))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, data: Dataset) -> Path:
    place = tmp_path_factory.mktemp("bert") / "model"
    return tiny_models.bert(place, list(data.x["story"]), data.y, data.classes, steps=2)


@pytest.fixture
def desk(tmp_path: Path, data: Dataset) -> Desk:
    cases = Cases(Workspace(tmp_path / "workspace"))
    case = cases.create("Stories", data)
    (tmp_path / "run").mkdir()
    return Desk(cases, case.id, tmp_path / "run", silent, Recent(8, cases.workspace.model))


def done(desk: Desk, **request):
    return task_of(canonical(request, QUEUE)).run(desk).values


def test_a_step_is_timed_and_nothing_is_left(desk, data, folder):
    packed = Path(shutil.make_archive(str(folder), "zip", folder.parent, folder.name))
    here = taken_in(desk.cases, desk.case_id, packed)
    found = done(desk, task="time_whole", path=str(here))
    assert found["each"] > 0 and found["once"] > 0 and found["why_not"] == ""
    assert (found["records"], found["train"]) == (len(data), len(data.rows("train")))
    assert found["parameters"] > 20_000
    assert not here.exists() and not list(desk.folder.iterdir())


def test_a_network_that_cannot_be_trained_as_a_whole_says_why(desk, folder, monkeypatch):
    monkeypatch.setattr(whole, "MOST_BYTES", 10)
    found = done(desk, task="time_whole", path=str(folder))
    assert "all records are held" in found["why_not"] and found["once"] > 0


def test_all_of_it_is_trained_and_its_references_start_where_it_did(desk, data, folder):
    said = done(desk, task="bring", path=str(folder), head="whole", recipe=RECIPE)
    assert any("All of the network was trained here" in note for note in said["notes"])
    model = load_model_folder(desk.folder / "model")
    assert isinstance(model.network, Whole) and model.lineage.trained_on == "known"
    keep = np.ones(len(data), bool)
    keep[data.rows("train")[:4]] = False
    found = references(desk, model, keep, 1, {0}, silent)
    assert isinstance(found[0].network, Whole) and found[0].digest != model.digest
    assert missing_references(desk, model, keep, 1) == 0
    other = replace(
        model, members=found[0].members
    )  # references are those of the start, not of a model
    assert missing_references(desk, other, keep, 1) == 0


def test_its_script_makes_the_same_model_and_its_card_says_where_it_started(desk, folder):
    request = {"task": "bring", "path": str(folder), "head": "whole", "recipe": RECIPE}
    run = desk.cases.queue(desk.case_id, canonical(request, QUEUE))
    work(desk.cases, run)
    model, said = load_model_folder(run.folder / "model"), io.StringIO()
    with redirect_stdout(said):
        exec(compile(script(desk.cases, run), "script", "exec"), {})
    assert said.getvalue().split()[-1] == model.digest
    card = model_card(desk.cases, desk.case_id, desk.cases.add_model(desk.case_id, model))
    assert NOT_KNOWN["start"] in card and "head drawn afresh" in card


def test_a_whole_network_is_trained_by_a_recipe(desk, folder):
    with pytest.raises(BadParam, match="recipe"):
        done(desk, task="bring", path=str(folder), head="whole")
