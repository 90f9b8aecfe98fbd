"""Bringing a Hugging Face model: what the screen says, what the worker is asked, and what comes of it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file
from streamlit.testing.v1 import AppTest

from disgorge_core import metrics
from disgorge_core.cases import Case, Cases
from disgorge_core.data.address import digest
from disgorge_core.jobs import Lanes
from disgorge_core.jobs.features import CaseFeatures
from disgorge_core.jobs.worker import work
from disgorge_core.models.backbones import whole
from disgorge_core.models.backbones.kept import keep_in, kept_in
from disgorge_core.models.bundle import folder_bytes
from disgorge_core.models.loading import load_model
from disgorge_core.models.prediction import logits
from disgorge_core.types import Dataset
from disgorge_core.words import duration
from pages.panels.model import hugging_face
from tests import tiny_models
from tests.pages.answers import answer_here
from tests.pages.test_bad_input import said
from tests.pages.test_uploads import offers, send
from tests.training.small_texts import texts

Open = Callable[..., AppTest]


@pytest.fixture(scope="module")
def data() -> Dataset:
    plain = texts(60)
    return replace(plain, digest=digest(plain))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, data: Dataset) -> Path:
    place = tmp_path_factory.mktemp("bert") / "model"
    return tiny_models.bert(place, list(data.x["story"]), 1 - data.y, ["farm", "sea"], steps=30)


def packed(folder: Path, **change: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as out:
        for path in folder.iterdir():
            out.writestr(f"model/{path.name}", change.get(path.stem) or path.read_bytes())
    return buffer.getvalue()


@pytest.fixture
def case(cases: Cases, data: Dataset) -> Case:
    return cases.create("Stories", data)


@pytest.fixture(autouse=True)
def work_here(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict]]:
    """Runs are done at once, in the test's own process; what was asked is listed."""
    answer_here(monkeypatch)
    asked: list[dict] = []

    def submit(self: Lanes, case_id: str, request: dict) -> str:
        asked.append(dict(request))
        run = self._cases.queue(case_id, request)
        with kept_in(None):
            work(self._cases, run)
        return run.id

    monkeypatch.setattr(Lanes, "submit", submit)
    yield asked
    keep_in(None)


def brought(open_page: Open, case: Case, content: bytes) -> AppTest:
    app = open_page("case/model", case=case.id, tab="Bring one")
    return send(app, "bert.zip", content, "bring_file")


def written(app: AppTest) -> str:
    return " ".join(element.proto.body for element in app.get("html"))


def numbers(folder: Path) -> int:
    return sum(value.numel() for value in load_file(folder / "model.safetensors").values())


def press(app: AppTest, key: str) -> AppTest:
    app.button(key=key).click().run()
    assert not app.exception, app.exception
    return app


def widget(app: AppTest, kind: str, ending: str):
    return next(w for w in getattr(app, kind) if w.key and w.key.endswith(ending))


def test_a_head_is_trained_and_added(open_page, cases, case, data, folder, work_here):
    app = brought(open_page, case, packed(folder))
    assert "matched by their names" in written(app) and f"{numbers(folder):,} numbers" in written(
        app
    )
    widget(app, "radio", "_head").set_value("train").run()
    widget(app, "number_input", "_recipe_epochs").set_value(12).run()
    press(app, "bring_open")
    assert work_here[0]["head"] == "train" and work_here[0]["recipe"]["epochs"] == 12
    assert not list(cases.workspace.root.glob("cases/*/uploads/*"))
    shown = {m.label: m.value for m in app.metric}
    press(app, "bring_add")
    model = cases.model(cases.get(case.id).models[0])
    with kept_in(CaseFeatures(cases, case.id)):
        x, y = data.arrays("test")
        value = metrics.quality(logits(model, x), y, data.task).value
    assert shown["Accuracy on test"] == f"{100 * value:.1f} %"
    assert model.lineage.trained_on == "known" and model.recipe.epochs == 12


def test_a_head_that_came_is_kept_with_what_its_owner_states(
    open_page, cases, case, folder, work_here
):
    app = brought(open_page, case, packed(folder))
    assert app.button(key="bring_open").disabled
    widget(app, "radio", "_seen").set_value("train").run()
    press(app, "bring_open")
    press(app, "bring_add")
    model = cases.model(cases.get(case.id).models[0])
    assert (model.lineage.origin, model.lineage.trained_on) == ("uploaded", "stated")
    assert work_here[0]["recipe"] is None and model.recipe is None


def test_a_changed_answer_asks_for_a_run_of_its_own(open_page, case, folder, work_here):
    app = brought(open_page, case, packed(folder))
    widget(app, "radio", "_head").set_value("train").run()
    press(app, "bring_open")
    assert offers(app, "bring_add")
    widget(app, "number_input", "_recipe_epochs").set_value(5).run()
    assert not offers(app, "bring_add") and offers(app, "bring_open")


def test_our_own_zip_with_a_backbone_goes_to_the_worker_too(
    open_page, cases, case, data, folder, work_here
):
    app = brought(open_page, case, folder_bytes(load_model(folder, data, name="mine")))
    assert "says everything itself" in app.success[0].value and work_here == []
    press(app, "bring_open")
    press(app, "bring_add")
    assert cases.model(cases.get(case.id).models[0]).name == "mine"


def test_a_folder_is_opened_by_its_path_on_this_computer(
    open_page, case, folder, work_here, monkeypatch, tmp_path
):
    monkeypatch.setattr(hugging_face, "on_this_computer", lambda: True)
    app = open_page("case/model", case=case.id, tab="Bring one")
    app.text_input(key="bring_path").set_value(str(tmp_path / "nothing")).run()
    assert "There is no such folder" in said(app)
    app.text_input(key="bring_path").set_value(str(folder)).run()
    widget(app, "radio", "_head").set_value("train").run()
    press(app, "bring_open")
    assert work_here[0]["path"] == str(folder) and offers(app, "bring_add")


def test_from_afar_no_path_is_asked_for(open_page, case, monkeypatch):
    monkeypatch.setattr(hugging_face, "on_this_computer", lambda: False)
    app = open_page("case/model", case=case.id, tab="Bring one")
    assert "bring_path" not in [field.key for field in app.text_input]


WRONG = [
    ({"auto_map": {"A": "b.C"}}, "code of its own"),
    ({"architectures": ["ViTForImageClassification"]}, "preprocessor"),
    ({"id2label": {"0": "a", "1": "b", "2": "c"}}, "3 classes, the dataset 2"),
]


@pytest.mark.parametrize(("change", "words"), WRONG)
def test_what_cannot_be_opened_is_said_before_anything_runs(
    change, words, open_page, case, folder, work_here
):
    plain = json.loads((folder / "config.json").read_text())
    app = brought(open_page, case, packed(folder, config=json.dumps({**plain, **change})))
    assert words in said(app) and not offers(app, "bring_open") and work_here == []


def test_the_model_page_names_backbone_and_head(open_page, cases, case, data, folder):
    model = load_model(folder, data, trained_on="train")
    digest = cases.add_model(case.id, model)
    app = open_page("case/model", case=case.id, model=digest)
    count = model.preprocessing.backbone.about.parameters
    assert count == numbers(folder) - (2 * 32 + 2)
    assert f"bert, {count:,} numbers" in written(app) and "linear 32 → 2" in written(app)
    assert any("history of the backbone unknown" in m.value for m in app.markdown)


# --- the whole network --------------------------------------------------------------------------


def test_the_whole_network_is_offered_when_its_price_is_known(open_page, case, folder, work_here):
    app = brought(open_page, case, packed(folder))
    assert "whole" not in str(widget(app, "radio", "_head").options).lower()
    press(app, "bring_time")
    assert [one["task"] for one in work_here] == ["time_whole"]
    told = " ".join(m.value for m in app.markdown)
    assert f"The whole network** ({numbers(folder):,} numbers)" in told
    assert len(widget(app, "radio", "_head").options) == 3


def test_the_whole_network_is_trained_and_added(open_page, cases, case, data, folder, work_here):
    app = brought(open_page, case, packed(folder))
    press(app, "bring_time")
    widget(app, "radio", "_head").set_value("whole").run()
    widget(app, "number_input", "_all_epochs").set_value(8).run()
    widget(app, "number_input", "_all_lr").set_value(0.003).run()
    run = cases.runs(case.id)[0]
    seconds = run.result().values["each"] * len(data.rows("train")) * 8
    assert any(f"takes about **{duration(seconds)}**" in m.value for m in app.markdown)
    press(app, "bring_open")
    assert work_here[-1]["head"] == "whole" and work_here[-1]["recipe"]["epochs"] == 8
    assert not list(cases.workspace.root.glob("cases/*/uploads/*"))
    shown = {m.label: m.value for m in app.metric}
    press(app, "bring_add")
    model = cases.model(cases.get(case.id).models[0])
    x, y = data.arrays("test")
    value = metrics.quality(logits(model, x), y, data.task).value
    assert shown["Accuracy on test"] == f"{100 * value:.1f} %" and value >= 0.8
    assert model.parameters == numbers(folder) and model.lineage.trained_on == "known"
    app = open_page("case/model", case=case.id, model=model.digest)
    assert "all of it trained here" in written(app)
    assert not any("your own code" in m.value for m in app.markdown)
    assert any("history of the start weights unknown" in m.value for m in app.markdown)


def test_where_only_the_head_can_be_trained_it_is_said(
    open_page, case, folder, work_here, monkeypatch
):
    monkeypatch.setattr(whole, "MOST_BYTES", 10)
    app = brought(open_page, case, packed(folder))
    press(app, "bring_time")
    assert any("Only the head can be trained" in c.value for c in app.caption)
    assert len(widget(app, "radio", "_head").options) == 2
