"""From the map to before and after, with a real mouse; and two people at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from disgorge_core.cases import Cases
from disgorge_core.comparison import REMOVED, Comparison, overview
from disgorge_core.models.prediction import logits
from disgorge_core.runs import Run
from disgorge_core.store import Workspace
from tests.journeys import steps
from tests.journeys.conftest import finished

pytestmark = [pytest.mark.journey, pytest.mark.timeout(1500)]
LEFT_HALF = [(0.02, 0.15), (0.02, 0.95), (0.42, 0.95), (0.42, 0.15)]
MIDDLE = [(0.35, 0.3), (0.35, 0.75), (0.65, 0.75), (0.65, 0.3)]


def open_example(page: Page, name: str) -> None:
    """From Home into an example, up to its map."""
    steps.press(page, f"open_example_{name}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Explore", timeout=steps.LONG_MS)
    steps.selected(page)


def wait_for(page: Page, cases: Cases, case: str, run_id: str) -> Run:
    """Stay on the Runs page until the run has ended; it must be done."""
    found = next(run for run in cases.runs(case) if run.id == run_id)
    steps.until(page, lambda: found.state not in ("queued", "running"), "the run ends")
    assert found.state == "done", (found.problem, found.detail)
    expect(page.get_by_text(found.result().values["outcome"]["claim"]).first).to_be_visible()
    finished(page)
    return found


def removed_score(cases: Cases, case: str, run: Run) -> tuple[float, float]:
    """Right answers on the removed training records before and after, from the models themselves."""
    values = run.result().values
    data = cases.dataset(cases.get(case).dataset)
    gone = np.isin(data.ids, cases.forget(case, values["forget"]).ids) & (data.split == 0)
    x, y = data.take(np.flatnonzero(gone)), data.y[gone]
    scores = [
        (logits(cases.model(values[k]), x).argmax(1) == y).mean() for k in ("before", "after")
    ]
    return float(scores[0]), float(scores[1])


def test_openmoji_from_lasso_to_two_methods_compared(serve, browser_page, tmp_path: Path) -> None:
    page = browser_page(serve("../../app.py", {"DISGORGE_HOME": str(tmp_path)}))
    cases = Cases(Workspace(tmp_path))
    open_example(page, "openmoji")
    steps.choose_by_filter(page, "artist == 'Artist 05'")
    steps.expect_selected(page, 226)
    steps.lasso(page, LEFT_HALF, "Control")
    expect(page.locator(".pm").first).not_to_have_attribute("data-selected", "226")
    part = steps.selected(page)
    assert 0 < part < 226
    fid = steps.save_forget_set(page, "Part of Artist 05", "They want these pictures out.")
    forget = cases.forget("openmoji", fid)
    assert len(forget) == part
    assert len(forget.made) >= 2  # the filter, then the lasso

    runs = []
    for method in ("retrain", "influence_step"):
        run_id = steps.run_method(page, method, references=2)
        runs.append(wait_for(page, cases, "openmoji", run_id))
    rebuilt, edited = (removed_score(cases, "openmoji", run) for run in runs)
    assert rebuilt[0] > 0.9  # the model knew them ...
    assert rebuilt[1] < rebuilt[0] - 0.2  # ... and without them it does not
    assert edited[0] == rebuilt[0]

    steps.visit(page, "Before & after")
    for run, score in zip(runs, (rebuilt, edited), strict=True):
        page.goto(page.url.split("?")[0] + f"?case=openmoji&run={run.id}")
        finished(page)
        expect(page.get_by_text(run.result().values["outcome"]["claim"])).to_be_visible()
        data = cases.dataset(cases.get("openmoji").dataset)
        table = overview(Comparison.from_arrays(run.result().arrays), data).set_index("set")
        assert table.loc[REMOVED, "after"] == pytest.approx(score[1])
    steps.visit(page, "Runs")
    page.get_by_role("tab", name="Compare methods").click()
    finished(page)
    expect(page.get_by_text("Left is cheap, low is close.").first).to_be_visible()
    assert page.outside == []


def test_two_people_at_once_each_with_a_case(serve, browser_page, tmp_path: Path) -> None:
    url = serve("../../app.py", {"DISGORGE_HOME": str(tmp_path)})
    first, second = browser_page(url), browser_page(url, dark=True)
    open_example(first, "digits")
    open_example(second, "digits-mislabelled")
    steps.lasso(first, MIDDLE)
    steps.choose_by_filter(second, "`label is` == 'wrong' and label != '0'")
    cases = Cases(Workspace(tmp_path))
    mine = steps.save_forget_set(first, "Middle", "mine")
    other = steps.save_forget_set(second, "Wrong", "theirs")
    runs = {
        "digits": steps.run_method(first, "finetune", references=1),
        "digits-mislabelled": steps.run_method(second, "neg_grad_plus", references=1),
    }
    for (case, run_id), page in zip(runs.items(), (first, second), strict=True):
        run = wait_for(page, cases, case, run_id)
        assert run.request["forget"] == {"digits": mine, "digits-mislabelled": other}[case]
        assert f"case={case}" in page.url
    assert {r.id for r in cases.runs("digits")} == {runs["digits"]}
    meta = cases.dataset(cases.get("digits-mislabelled").dataset).meta
    wrong = (meta["label is"] == "wrong") & (meta["label"] != "0")
    assert len(cases.forget("digits-mislabelled", other)) == wrong.sum()
