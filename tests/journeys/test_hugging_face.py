"""A tiny real BERT and a tiny real ViT, with their records, from upload to before and after."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from disgorge_core.cases import Cases
from disgorge_core.data.forget_set import where
from disgorge_core.models.prediction import logits
from disgorge_core.store import Workspace
from disgorge_core.types import Dataset, Model
from disgorge_core.words import RESERVATIONS
from tests import tiny_models
from tests.journeys import steps
from tests.journeys.conftest import finished
from tests.journeys.test_own_data import upload
from tests.journeys.test_removal import wait_for
from tests.training.small import digits

pytestmark = [pytest.mark.journey, pytest.mark.timeout(1500)]
ASSETS = Path(__file__).parents[2] / "assets" / "examples"
ERAS = ["1790-1828", "1981-2021"]
LETTERS = 240  # of a passage: what a tiny BERT reads


def passages() -> pd.DataFrame:
    """Passages of the first and the last era, of as many speakers as there are."""
    found = pd.read_parquet(ASSETS / "addresses" / "addresses.parquet")
    found = found[found["era"].isin(ERAS)].sample(500, random_state=1)
    return pd.DataFrame(
        {
            "passage": found["text"].str[:LETTERS],
            "era": found["era"],
            "speaker": found["speaker"],
            "split": np.resize(["train", "train", "train", "validation", "test"], len(found)),
        }
    )


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """passages.jsonl, and bert.zip with a BERT that learned a part of them."""
    folder = tmp_path_factory.mktemp("bert")
    frame = passages()
    frame.to_json(folder / "passages.jsonl", orient="records", lines=True)
    train = frame[frame["split"] == "train"]
    y = (train["era"] == ERAS[1]).to_numpy(np.int64)
    tiny_models.bert(folder / "model", [*train["passage"]], y, ERAS, steps=100, rate=3e-3)
    shutil.make_archive(str(folder / "bert"), "zip", folder / "model")
    return folder


@pytest.fixture(scope="module")
def vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """digits.npz, and vit.zip with a ViT whose outputs have no names."""
    folder = tmp_path_factory.mktemp("vit")
    data = digits(400)
    writer = np.resize(["ann", "bob", "cem"], len(data))
    split = np.resize(["train", "train", "train", "validation", "test"], len(data))
    np.savez(folder / "digits.npz", x=data.x, y=data.y, writer=writer, split=split)
    tiny_models.vit(folder / "model", data, [f"LABEL_{n}" for n in range(10)], steps=150)
    shutil.make_archive(str(folder / "vit"), "zip", folder / "model")
    return folder


def open_case(page: Page, cases: Cases, path: Path, roles: dict[str, str]) -> str:
    """A new case from a file, with the parts that its columns play; gives its id."""
    steps.press(page, "new_case")
    upload(page, "upload_data", path)
    for role, column in roles.items():
        box = page.locator(f"[class*=st-key-role_{role}_]").get_by_role("combobox")
        box.fill(column)
        page.get_by_role("option", name=column, exact=True).click()
        finished(page)
    create = steps.part(page, "upload_create").get_by_role("button")
    expect(create).to_be_enabled(timeout=steps.LONG_MS)
    create.click()
    expect(create).to_be_hidden(timeout=steps.LONG_MS)
    steps.until(page, lambda: len(cases.list()) == 1, "the case is made")
    return cases.list()[0].id


def train_head(page: Page, cases: Cases, case: str, path: Path) -> Model:
    """Bring the zip, train a new head behind it on a worker, and add it."""
    steps.visit(page, "Model")
    page.get_by_role("tab", name="Bring one").click()
    finished(page)
    upload(page, "bring_file", path)
    expect(page.get_by_text("its history is unknown")).to_be_visible()
    page.get_by_test_id("stRadio").get_by_text("A new head").click()
    finished(page)
    steps.press(page, "bring_open")
    add = steps.part(page, "bring_add").get_by_role("button")
    expect(add).to_be_visible(timeout=steps.LONG_MS)
    add.click()
    steps.until(page, lambda: len(cases.get(case).models) == 1, "the model is added")
    finished(page)
    return cases.model(cases.get(case).models[0])


def removed(page: Page, cases: Cases, case: str, data: Dataset, query: str) -> Model:
    """Choose records by a filter, save them, retrain without them; gives the new model."""
    wanted = where(data, query, name="", reason="").ids
    steps.visit(page, "Explore")
    steps.choose_by_filter(page, query)
    steps.expect_selected(page, len(wanted))
    fid = steps.save_forget_set(page, "Who leaves", "The owner asked for it.")
    assert cases.forget(case, fid).ids == wanted
    run = wait_for(page, cases, case, steps.run_method(page, "retrain", references=2))
    after = cases.model(run.result().values["after"])
    assert not set(after.seen or ()) & set(wanted) and run.result().values["references"] == 2
    steps.visit(page, "Before & after")
    claim = run.result().values["outcome"]["claim"]
    assert RESERVATIONS["head rebuilt"] in claim
    expect(page.get_by_text(claim)).to_be_visible()
    return after


def quality(model: Model, data: Dataset) -> float:
    x, y = data.arrays("test")
    return float((logits(model, x).argmax(1) == y).mean())


def test_bert(serve, browser_page, bert: Path, tmp_path: Path) -> None:
    page = browser_page(serve("../../app.py", {"DISGORGE_HOME": str(tmp_path)}))
    cases = Cases(Workspace(tmp_path))
    case = open_case(page, cases, bert / "passages.jsonl", {})
    data = cases.dataset(cases.get(case).dataset)
    assert (data.kind, data.roles.text, data.roles.label) == ("text", "passage", "era")
    model = train_head(page, cases, case, bert / "bert.zip")
    assert quality(model, data) > 0.7 and not list(tmp_path.glob("cases/*/uploads/*"))
    after = removed(page, cases, case, data, "speaker == 'Barack Obama' and split == 'train'")
    assert quality(after, data) > 0.7
    assert after.preprocessing.backbone.digest == model.preprocessing.backbone.digest
    page.get_by_role("tab", name="Why").click()
    expect(page.locator(".dg-words").first).to_be_visible(timeout=steps.LONG_MS)
    page.get_by_role("tab", name="Try it").click()
    finished(page)
    own = page.locator("[class*=st-key-before_after_text_] textarea")
    own.fill("The internet and our computers will make America great for all working families.")
    own.blur()
    expect(steps.part(page, "before_after_try_answers").first).to_be_visible(timeout=steps.LONG_MS)
    assert page.outside == []


def test_vit(serve, browser_page, vit: Path, tmp_path: Path) -> None:
    page = browser_page(serve("../../app.py", {"DISGORGE_HOME": str(tmp_path)}))
    cases = Cases(Workspace(tmp_path))
    case = open_case(page, cases, vit / "digits.npz", {})
    data = cases.dataset(cases.get(case).dataset)
    assert (data.kind, len(data.classes)) == ("image", 10)
    model = train_head(page, cases, case, vit / "vit.zip")
    assert quality(model, data) > 0.5
    after = removed(page, cases, case, data, "writer == 'bob' and split == 'train'")
    assert quality(after, data) > 0.4
    assert page.outside == []
