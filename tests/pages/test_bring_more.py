"""Residual lists, pipelines, references and statements on the Model page, and what follows on others."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge
from streamlit.testing.v1 import AppTest

from disgorge_core import training
from disgorge_core.cases import Case, Cases
from disgorge_core.disgorging import UNKNOWN_RECORDS
from disgorge_core.jobs.uploaded import uploaded_references
from disgorge_core.models.bundle import folder_bytes
from disgorge_core.models.prediction import logits, probabilities
from disgorge_core.runs import TaskResult, result
from disgorge_core.runs.run import RESULT
from disgorge_core.types import Lineage, Recipe
from disgorge_core.words import RECIPES, about_recipe
from tests.models.pipelines import dataset, file_of, fitted, frame, usual
from tests.models.residual_nets import Even, ResNet, layer_list, made
from tests.pages.answers import answer_here
from tests.pages.test_bring import by_label, pixels
from tests.pages.test_bring import file_of as torch_file

Open = Callable[..., AppTest]


@pytest.fixture(autouse=True)
def no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_here(monkeypatch)


def brought(open_page: Open, case: Case, name: str, content: bytes, layers: bytes = b"") -> AppTest:
    app = open_page("case/model", case=case.id, tab="Bring one")
    if layers:
        app.file_uploader(key="bring_layers").upload("m.json", layers, "application/json")
    app.file_uploader(key="bring_file").upload(name, content, "application/octet-stream").run()
    assert not app.exception, app.exception
    return app


def text(app: AppTest) -> str:
    html = [e.value for e in app.main.get("html")]
    parts = [*html, *(m.value for m in app.markdown), *(c.value for c in app.caption)]
    return " ".join([*parts, *(e.value for e in app.error), *(s.value for s in app.success)])


def add(app: AppTest) -> AppTest:
    app.button(key="bring_add").click().run()
    assert not app.exception, app.exception
    return app


# --- residual networks --------------------------------------------------------------------------


def test_a_residual_network_comes_in_by_its_list(open_page: Open, cases: Cases, case: Case) -> None:
    network = made(ResNet())
    plain = json.dumps(layer_list("batchnorm2d")).encode()
    app = brought(open_page, case, "resnet.pt", torch_file(network.state_dict()), plain)
    by_label(app.radio, "Trained on").set_value("train").run()
    add(app)
    model = cases.model(cases.get(case.id).models[-1])
    with torch.no_grad():
        expected = network(pixels(cases, case)).numpy()
    assert np.abs(logits(model, cases.dataset(case.dataset).x) - expected).max() < 1e-4
    app = open_page("case/model", case=case.id, model=model.digest)
    shown = json.loads(next(c.value for c in app.code if '"residual"' in c.value))
    assert [x["kind"] for x in shown] == [x["kind"] for x in layer_list("batchnorm2d")]


def test_blocks_in_doubt_begin_with_a_sample(open_page: Open, cases: Cases, case: Case) -> None:
    network = made(Even())
    app = brought(open_page, case, "even.pt", torch_file(network.state_dict()))
    assert any("look like residual blocks" in w.value for w in app.warning)
    box = next(area for area in app.text_area if area.label == "Layer list (JSON)")
    by_label(app.radio, "Trained on").set_value("train").run()
    assert json.loads(box.value)[2]["kind"] == "residual"
    add(app)
    model = cases.model(cases.get(case.id).models[-1])
    with torch.no_grad():
        expected = network(pixels(cases, case)).numpy()
    assert np.abs(logits(model, cases.dataset(case.dataset).x) - expected).max() < 1e-4


# --- pipelines ----------------------------------------------------------------------------------


def test_a_pipeline_comes_in_whole_with_its_recipe(open_page: Open, cases: Cases) -> None:
    table = frame(200, gaps=False)
    data = dataset(table)
    pipeline = fitted(usual(), LogisticRegression(), table.iloc[data.rows("train")])
    case = cases.create("People", data)
    app = brought(open_page, case, "people.skops", file_of(pipeline))
    by_label(app.radio, "Trained on").set_value("train").run()
    assert by_label(app.toggle, "I know the recipe").value is True
    n = len(data.rows("train"))
    assert by_label(app.number_input, "L2").value == pytest.approx(1 / n)
    add(app)
    model = cases.model(cases.get(case.id).models[-1])
    place = [list(pipeline.classes_).index(c) for c in data.classes]
    own = pipeline.predict_proba(table[["age", "income", "work", "rooms"]])[:, place]
    assert np.abs(probabilities(model, data.x) - own).max() < 1e-9
    assert model.recipe.l2 == pytest.approx(1 / n)
    app = open_page("case/model", case=case.id, tab="Download")
    assert "model_download_.skops" in [b.key for b in app.get("download_button")]


def test_a_ridge_pipeline_gets_the_sums_of_its_records(open_page: Open, cases: Cases) -> None:
    table = frame(200, gaps=False)
    data = dataset(table, "score")
    pipeline = fitted(usual(), Ridge(), table.iloc[data.rows("train")], "score")
    case = cases.create("People", data)
    app = brought(open_page, case, "ridge.skops", file_of(pipeline))
    by_label(app.radio, "Trained on").set_value("train").run()
    add(app)
    model = cases.model(cases.get(case.id).models[-1])
    assert "gram" in model.artefacts
    expected = pipeline.predict(table[["age", "income", "work", "rooms"]])
    assert np.abs(logits(model, data.x)[:, 0] - expected).max() < 1e-8


# --- trained on ---------------------------------------------------------------------------------


def test_a_list_of_ids_is_what_it_was_trained_on(open_page: Open, cases: Cases, case: Case) -> None:
    data = cases.dataset(case.dataset)
    own = [*data.ids[data.rows("train")[:5]], data.ids[data.rows("test")[0]]]
    app = brought(open_page, case, "net.pt", torch_file(torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(64, 10)).state_dict()))  # fmt: skip
    by_label(app.radio, "Trained on").set_value("list").run()
    assert app.button(key="bring_add").disabled
    by_label(app.text_area, "Ids, one a line").set_value("\n".join(map(str, own))).run()
    assert "1 of them are validation or test records here" in text(app)
    add(app)
    model = cases.model(cases.get(case.id).models[-1])
    assert model.seen == tuple(sorted(map(str, own)))
    assert model.lineage.trained_on == "stated"


def test_unknown_records_grey_out_what_trains_again(
    open_page: Open, cases: Cases, case: Case
) -> None:
    state = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10)).state_dict()
    app = brought(open_page, case, "net.pt", torch_file(state))
    by_label(app.radio, "Trained on").set_value("unknown").run()
    by_label(app.toggle, "I know the recipe").set_value(True).run()
    add(app)
    digest = cases.get(case.id).models[-1]
    assert cases.model(digest).seen is None
    fid = cases.forget_sets(case.id)[0][0]
    app = open_page("disgorge/plan", case=case.id, model=digest, forget=fid)
    keys = [b.key for b in app.button]
    assert "choose_retrain" not in keys
    assert "choose_guard" in keys
    shown = text(app)
    assert UNKNOWN_RECORDS in shown
    assert "no reference models can be trained" in shown


# --- references ---------------------------------------------------------------------------------


def test_a_reference_is_kept_for_its_forget_set(open_page: Open, cases: Cases, case: Case) -> None:
    data, (fid, forget, _) = cases.dataset(case.dataset), cases.forget_sets(case.id)[0]
    own = training.refit(cases.model(case.models[0]), data, ~forget.mask(data), seed=5)
    app = open_page("case/model", case=case.id, tab="Bring one")
    app.segmented_control(key="bring_purpose").set_value("A reference").run()
    app.file_uploader(key="bring_file").upload(
        "own.pt", torch_file(own.network.state_dict()), "application/octet-stream"
    ).run()
    by_label(app.radio, "Preprocessing").set_value("standard").run()
    add(app)
    (kept,) = uploaded_references(cases, case.id, fid)
    gone = forget.mask(data)
    assert set(kept.seen) == set(data.ids[(data.split == 0) & ~gone])
    assert cases.get(case.id).models == case.models
    assert "is kept" in text(app)
    app = open_page("disgorge/plan", case=case.id, forget=fid)
    assert "1 reference of your own" in text(app)


# --- the recipe ---------------------------------------------------------------------------------


def upload(cases: Cases, case: Case) -> str:
    """A model of the case as if it had been brought with a stated recipe."""
    model = cases.model(case.models[0])
    told = replace(model, lineage=Lineage("uploaded", "stated"), artefacts={"n": np.ones(1)})
    return cases.add_model(case.id, told)


def checked(cases: Cases, case: Case, digest: str, confirmed: bool) -> None:
    """A finished check of its recipe."""
    run = cases.queue(case.id, {"task": "twins", "model": digest, "number": 5})
    measure = {
        "name": "accuracy on test records", "value": 0.9, "inside": confirmed, "z": 0.1, "rank": 3,
        "twins": {"value": 0.91, "low": 0.88, "high": 0.94, "n": 5}, "least": 0.9, "most": 0.92,
    }  # fmt: skip
    values = {"model": digest, "recipe": cases.model(digest).recipe.digest, "twins": 5,
              "confirmed": confirmed, "measures": [measure]}  # fmt: skip
    result.save(run.folder / RESULT, TaskResult(values))


def test_the_recipe_of_an_upload_is_offered_for_a_check(
    open_page: Open, cases: Cases, case: Case
) -> None:
    digest = upload(cases, case)
    app = open_page("case/model", case=case.id, model=digest)
    shown = text(app)
    assert RECIPES["unchecked"] in shown
    assert "5 trainings, about" in shown
    app.button(key="twins_start").click().run()
    (run,) = cases.runs(case.id)
    assert run.request == {"task": "twins", "model": digest, "number": 5}
    own = open_page("case/model", case=case.id, model=case.models[0])
    assert RECIPES["unchecked"] not in text(own)


@pytest.mark.parametrize("confirmed", [True, False])
def test_what_the_check_found_is_said_on_the_page_and_with_runs(
    open_page: Open, cases: Cases, case: Case, confirmed: bool
) -> None:
    digest = upload(cases, case)
    checked(cases, case, digest, confirmed)
    sentence = about_recipe("confirmed" if confirmed else "unconfirmed", 5)
    app = open_page("case/model", case=case.id, model=digest)
    assert sentence in text(app)
    table = next(d.value for d in app.dataframe if "this model" in d.value)
    assert table["this model"].tolist() == ["90.0 %"]
    assert sentence in text(open_page("disgorge/runs", case=case.id))


def test_another_statement_is_another_model(open_page: Open, cases: Cases, case: Case) -> None:
    digest = upload(cases, case)
    app = open_page("case/model", case=case.id, model=digest)
    by_label(app.radio, "Trained on").set_value("train").run()
    by_label(app.number_input, "Epochs").set_value(44).run()
    next(b for b in app.button if b.label == "Keep this statement").click().run()
    assert not app.exception
    other = cases.model(cases.get(case.id).models[-1])
    assert other.recipe.epochs == 44
    assert cases.model(digest).recipe.epochs == 3
    data = cases.dataset(case.dataset)
    assert np.array_equal(logits(other, data.x), logits(cases.model(digest), data.x))


def test_the_same_file_with_another_statement_is_not_lost(
    open_page: Open, cases: Cases, case: Case
) -> None:
    state = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10)).state_dict()
    for epochs in (7, 8):
        app = brought(open_page, case, "net.pt", torch_file(state))
        by_label(app.radio, "Trained on").set_value("train").run()
        by_label(app.toggle, "I know the recipe").set_value(True).run()
        by_label(app.number_input, "Epochs").set_value(epochs).run()
        add(app)
    made_of = cases.get(case.id).models[-2:]
    assert [cases.model(d).recipe.epochs for d in made_of] == [7, 8]


# --- classes ------------------------------------------------------------------------------------


def test_a_saved_model_with_its_classes_in_another_order_is_put_right(
    open_page: Open, cases: Cases, case: Case
) -> None:
    data = cases.dataset(case.dataset)
    turned = replace(
        data, classes=data.classes[::-1], y=len(data.classes) - 1 - data.y, digest="1" * 64
    )
    model = training.fit(turned, "linear", Recipe(epochs=2), name="turned")
    app = brought(open_page, case, "turned.zip", folder_bytes(model))
    add(app)
    found = cases.model(cases.get(case.id).models[-1])
    assert found.classes == data.classes
    assert np.abs(logits(found, data.x) - logits(model, data.x)[:, ::-1]).max() < 1e-4


def test_the_card_is_offered(open_page: Open, cases: Cases, case: Case) -> None:
    app = open_page("case/model", case=case.id, tab="Download")
    keys = [b.key for b in app.get("download_button")]
    assert "model_download_-MODEL_CARD.md" in keys
    assert "scikit-learn pipelines read tables" in text(app)
