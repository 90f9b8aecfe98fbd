"""Every task on texts: what screens show of a case of texts comes from here."""

from __future__ import annotations

import numpy as np
import pytest

from disgorge_core import training
from disgorge_core.cases import Cases, Recent
from disgorge_core.data.address import addressed
from disgorge_core.data.words import words_of
from disgorge_core.errors import BadData
from disgorge_core.jobs.records import LONGEST, raw_of
from disgorge_core.jobs.task import Desk, task_of
from disgorge_core.models.prediction import logits
from disgorge_core.registry import TASKS
from disgorge_core.runs import TaskResult
from disgorge_core.store import Workspace
from disgorge_core.types import ForgetSet, Recipe, silent
from tests.training.small_texts import texts

RECIPE = Recipe(epochs=15, lr=0.3, batch=16, l2=1e-3)


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    workspace = Workspace(tmp_path_factory.mktemp("workspace"))
    cases, data = Cases(workspace), addressed(texts(140))
    model = training.fit(data, "text_mean", RECIPE, settings={"width": 4}, name="stories")
    case = cases.create("Stories", data, (model,))
    return Desk(cases, case.id, workspace.root, silent, Recent(8, workspace.model))


def do(desk: Desk, task: str, **arguments) -> TaskResult:
    return task_of({"task": task, **arguments}).run(desk)


def test_the_texts_come_back_from_the_disk(desk):
    assert desk.data.kind == "text" and desk.data.roles.text == "story"
    assert desk.data.x["story"].tolist() == texts(140).x["story"].tolist()


def test_a_removal_with_references(desk):
    forget = ForgetSet(tuple(sorted(desk.data.ids[desk.data.rows("train")[:8]])), desk.data.digest)
    fid = desk.cases.save_forget(desk.case_id, forget)
    digest = desk.case.models[0]
    found = do(desk, "disgorge", model=digest, forget=fid, method="retrain", references=2)
    after = desk.model(found.values["after"])
    assert after.seen is not None and not set(after.seen) & set(forget.ids)
    models = [digest, found.values["after"]]
    maps = do(desk, "embed", models=models, projection="pca").arrays
    assert maps["positions_1"].shape == (140, 2) and np.isfinite(maps["positions_1"]).all()
    row = int(desk.data.rows("test")[0])
    why = do(desk, "attribute", models=models, view="integrated_gradients", rows=[row]).arrays
    count = len(words_of(desk.data.x["story"].iloc[row], 256))
    assert why["map_0"].shape == why["map_1"].shape == (1, 256)
    assert why["map_0"][0, :count].any() and not why["map_0"][0, count:].any()
    effect = do(desk, "predicted_effect", model=digest, forget=fid)
    assert np.isfinite(effect.arrays["change"]).all()
    assert do(desk, "influence", model=digest, forget=fid).arrays["by_record"].shape == (8,)


def test_questions_about_one_model(desk):
    digest, row = desk.case.models[0], int(desk.data.rows("test")[0])
    assert do(desk, "overview", model=digest).values["splits"]["test"]["value"] > 0.8
    near = do(desk, "neighbours", model=digest, rows=[row], k=4).arrays["index"][0]
    assert (desk.data.y[near] == desk.data.y[row]).mean() > 0.5
    scores = do(desk, "one_query", model=digest, row=row)
    train = scores.arrays["train_rows"]
    same = desk.data.y[train] == desk.data.y[row]
    influence = scores.arrays["influence"]
    assert influence[same].mean() > influence[~same].mean()


def test_a_text_of_ones_own(desk):
    record = {"story": "The captain saw a ship; nobody knew zebras."}
    found = do(desk, "predict", models=[desk.case.models[0]], record=record)
    z = logits(desk.model(desk.case.models[0]), raw_of(desk.data, (), record))
    np.testing.assert_array_equal(found.arrays["logits_0"], z)
    assert z[0].argmax() == desk.data.classes.index("sea")
    views = {"view": "occlusion", "record": record}
    assert do(desk, "attribute", models=[desk.case.models[0]], **views).arrays["map_0"].any()


@pytest.mark.parametrize("text", ["", " ... ", None, 3, {"a": 1}])
def test_texts_without_a_word_are_refused(desk, text):
    with pytest.raises(BadData, match=r"no word in it\. Write at least one word\."):
        raw_of(desk.data, (), {"story": text})


def test_a_text_that_is_far_too_long_is_refused(desk):
    with pytest.raises(BadData, match="too long"):
        raw_of(desk.data, (), {"story": "a " * LONGEST})


def test_a_model_of_texts_is_trained(desk):
    request = {
        "architecture": "text_mean", "settings": {"width": 3}, "recipe": {"epochs": 2, "lr": 0.1},
        "label": "Small",
    }  # fmt: skip
    model = desk.model(do(desk, "train", **request).values["model"])
    assert model.architecture == "text_mean" and model.preprocessing.kind == "text"
    assert "train" in TASKS
