"""Opening a Hugging Face folder as a task: features lie on disk, whoever asks next computes none."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from disgorge_core import verbs
from disgorge_core.cases import Cases, Recent
from disgorge_core.data.address import digest
from disgorge_core.errors import BadModel, BadParam
from disgorge_core.jobs.cards import model_card
from disgorge_core.jobs.features import CaseFeatures
from disgorge_core.jobs.script import script
from disgorge_core.jobs.task import QUEUE, Desk, canonical, task_of
from disgorge_core.jobs.worker import work
from disgorge_core.models.backbones.backbone import Backbone
from disgorge_core.models.backbones.kept import kept_in
from disgorge_core.models.prediction import logits
from disgorge_core.models.saved import load_model_folder
from disgorge_core.store import Workspace
from disgorge_core.types import Dataset, Model, Progress, silent
from disgorge_core.words import NOT_KNOWN
from tests import tiny_models
from tests.training.small_texts import texts

RECIPE = {"epochs": 20, "lr": 0.5, "batch": 16}


@pytest.fixture(scope="module")
def data() -> Dataset:
    plain = texts(40)
    return replace(plain, digest=digest(plain))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, data: Dataset) -> Path:
    place = tmp_path_factory.mktemp("bert") / "model"
    return tiny_models.bert(place, list(data.x["story"]), data.y, data.classes)


@pytest.fixture
def desk(tmp_path: Path, data: Dataset) -> Desk:
    cases = Cases(Workspace(tmp_path / "workspace"))
    case = cases.create("Stories", data)
    (tmp_path / "run").mkdir()
    return Desk(cases, case.id, tmp_path / "run", silent, Recent(8, cases.workspace.model))


def brought(desk: Desk, folder: Path, **more) -> Model:
    request = canonical({"task": "bring", "path": str(folder), "label": "BERT", **more}, QUEUE)
    with kept_in(CaseFeatures(desk.cases, desk.case_id)):
        task_of(request).run(desk)
    return load_model_folder(desk.folder / "model")


def afresh(model: Model) -> Model:
    """The model on a backbone that has met no record yet and can compute none."""
    old = model.preprocessing.backbone

    class Still(Backbone):
        def one(self, record):
            raise AssertionError("a feature was computed")

    backbone = Still(old.folder, old.about, old.digest)
    p = replace(model.preprocessing, backbone=backbone)
    return replace(model, members=(replace(model.members[0], preprocessing=p),))


def test_features_are_on_disk_then_and_a_purge_takes_them(desk, data, folder):
    model = brought(desk, folder)
    place = CaseFeatures(desk.cases, desk.case_id)
    assert json.loads((place.path / "request.json").read_text())["case"] == desk.case_id
    with kept_in(place):
        assert np.array_equal(logits(afresh(model), data.x), logits(model, data.x))
    with pytest.raises(AssertionError, match="computed"):
        logits(afresh(model), data.x)
    gone = desk.cases.purge(desk.case_id)
    assert any(name.endswith(".npz") and "cache" in name for name in gone)
    assert not place.path.exists() and not place.make()


def test_a_purged_case_gets_no_new_copy(desk, data, folder):
    model = brought(desk, folder)
    place = CaseFeatures(desk.cases, desk.case_id)
    desk.cases.purge(desk.case_id)
    with kept_in(place):
        model.preprocessing.backbone.features(texts(20, seed=3).x)
    assert not place.path.exists()


def test_the_head_is_kept_or_trained_afresh(desk, data, folder):
    kept = brought(desk, folder, trained_on="train", recipe=RECIPE)
    assert (kept.name, kept.lineage.origin, kept.lineage.trained_on) == (
        "BERT",
        "uploaded",
        "stated",
    )
    assert len(kept.seen) == len(data.rows("train")) and kept.recipe.epochs == 20
    for path in sorted((desk.folder / "model").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    (desk.folder / "model").rmdir()
    fresh = brought(desk, folder, head="train", recipe=RECIPE)
    assert (fresh.lineage.origin, fresh.lineage.trained_on) == ("trained here", "known")
    x, y = data.arrays("test")
    assert (logits(fresh, x).argmax(1) == y).mean() >= 0.8
    assert verbs.seen_rows(fresh, data).tolist() == data.rows("train").tolist()


def test_the_way_is_told(desk, folder):
    heard: list[Progress] = []
    brought(replace(desk, report=heard.append), folder)
    said = [p.message for p in heard if "through the bert" in p.message]
    shares = [p.share for p in heard]
    assert len(said) >= 30 and shares == sorted(shares)


def test_texts_that_are_too_long_are_counted(desk, data, folder, tmp_path):
    long = data.x.copy()
    long.iloc[3, 0] = "ship " * 200
    long.iloc[5, 0] = "farm " * 300
    other = replace(data, x=long, digest="")
    case = desk.cases.create("Long", replace(other, digest=digest(other)))
    request = canonical({"task": "bring", "path": str(folder)}, QUEUE)
    found = task_of(request).run(replace(desk, case_id=case.id))
    assert any(
        "2 of the 40 texts are longer than the 64 pieces" in note for note in found.values["notes"]
    )


def test_what_is_no_such_model_is_refused(desk, tmp_path):
    with pytest.raises(BadParam, match="recipe"):
        brought(desk, tmp_path, head="train")
    with pytest.raises(BadModel, match="no model of a known kind"):
        brought(desk, tmp_path)


@pytest.mark.parametrize("head", ["keep", "train"])
def test_its_script_makes_the_same_model(head, desk, folder):
    request = {
        "task": "bring",
        "path": str(folder),
        "label": "it's",
        "head": head,
        "recipe": RECIPE,
    }
    run = desk.cases.queue(desk.case_id, canonical({**request, "trained_on": "train"}, QUEUE))
    work(desk.cases, run)
    assert run.state == "done", run.problem
    said = io.StringIO()
    with redirect_stdout(said):
        exec(compile(script(desk.cases, run), "script", "exec"), {})
    assert said.getvalue().split()[-1] == load_model_folder(run.folder / "model").digest
    card = model_card(
        desk.cases,
        desk.case_id,
        desk.cases.add_model(desk.case_id, load_model_folder(run.folder / "model")),
    )
    assert NOT_KNOWN["backbone"] in card and "never trained here" in card
