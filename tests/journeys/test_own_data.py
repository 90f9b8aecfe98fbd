"""An uploaded table and an uploaded network that this project did not write, through to the download."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from playwright.sync_api import Page, expect

from disgorge_core.cases import Cases
from disgorge_core.models.prediction import logits
from disgorge_core.store import Workspace
from tests.journeys import steps
from tests.journeys.conftest import finished
from tests.journeys.test_removal import wait_for

pytestmark = [pytest.mark.journey, pytest.mark.timeout(1200)]
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files that a stranger's script wrote in a process of its own."""
    folder = tmp_path_factory.mktemp("foreign")
    subprocess.run([sys.executable, str(HERE / "foreign.py"), str(folder)], check=True)
    return folder


def upload(page: Page, key: str, path: Path) -> None:
    """Give a file to an uploader."""
    steps.part(page, key).locator("input[type=file]").set_input_files(path)
    finished(page)


def open_table(page: Page, path: Path) -> None:
    """A new case from a table."""
    steps.press(page, "new_case")
    upload(page, "upload_data", path)
    create = steps.part(page, "upload_create").get_by_role("button")
    expect(create).to_be_enabled(timeout=steps.LONG_MS)
    create.click()
    expect(create).to_be_hidden(timeout=steps.LONG_MS)


def bring_model(page: Page, path: Path) -> None:
    """Open a network's weights beside the table, saying what the file does not say."""
    steps.visit(page, "Model")
    page.get_by_role("tab", name="Bring one").click()
    finished(page)
    upload(page, "bring_file", path)
    for words in ("Mean 0, deviation 1 of the training records", "All training records"):
        page.get_by_test_id("stRadio").get_by_text(words, exact=True).click()
        finished(page)
    page.get_by_test_id("stCheckbox").get_by_text("I know the recipe").click()
    finished(page)
    steps.press(page, "bring_add")


def test_from_upload_to_download_and_back(
    serve, browser_page, foreign: Path, tmp_path: Path
) -> None:
    page = browser_page(serve("../../app.py", {"DISGORGE_HOME": str(tmp_path)}))
    cases = Cases(Workspace(tmp_path))
    truth = np.load(foreign / "truth.npz")
    open_table(page, foreign / "tumours.csv")
    steps.until(page, lambda: len(cases.list()) == 1, "the case is made")
    case = cases.list()[0].id
    data = cases.dataset(cases.get(case).dataset)
    assert data.roles.label == "diagnosis"
    assert np.array_equal(data.split == 0, truth["train"])

    bring_model(page, foreign / "net.pt")
    steps.until(page, lambda: len(cases.get(case).models) == 1, "the model is added")
    model = cases.model(cases.get(case).models[0])
    assert np.allclose(logits(model, data.x), truth["logits"], atol=1e-4)

    steps.visit(page, "Explore")
    steps.choose_by_filter(page, "hospital == 'North' and split == 'train'")
    wanted = ((data.meta["hospital"] == "North") & (data.split == 0)).to_numpy()
    steps.expect_selected(page, int(wanted.sum()))
    fid = steps.save_forget_set(page, "North", "The hospital left the study.")
    assert set(cases.forget(case, fid).ids) == set(data.ids[wanted])

    run = wait_for(page, cases, case, steps.run_method(page, "finetune", references=2))
    steps.visit(page, "Before & after")
    expect(page.get_by_text(run.result().values["outcome"]["claim"])).to_be_visible()
    page.get_by_role("tab", name="Hand over").click()
    finished(page)
    with page.expect_download() as saved:
        steps.part(page, "before_after_download_-pt").get_by_role("button").click()
    after = tmp_path / "after.pt"
    saved.value.save_as(after)
    state = torch.load(after, weights_only=True)
    assert set(state) == set(
        torch.load(foreign / "net.pt", weights_only=True)
    )  # names as they came

    bring_model(page, after)  # the very same weights, scaling and classes: the same digest
    made = run.result().values["after"]
    steps.until(page, lambda: f"model={made}" in page.url, "it opens again as what it is")
    assert page.outside == []
