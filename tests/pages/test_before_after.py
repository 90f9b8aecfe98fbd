"""Before & after shows what the models answer, counted here once more from their own logits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from disgorge_core.cases import Case, Cases
from disgorge_core.models.prediction import logits
from tests.pages.finished import finished_run

OpenPage = Callable[..., AppTest]
PAGE = "compare/before_after"


def shares(cases: Cases, case: Case, digest: str) -> tuple[float, float]:
    """Right answers on removed training records and on kept test records, counted from logits."""
    data, forget = cases.dataset(case.dataset), cases.forget_sets(case.id)[0][1]
    right = logits(cases.model(digest), data.x).argmax(1) == data.y
    gone = np.isin(data.ids, forget.ids)
    return float(right[gone & (data.split == 0)].mean()), float(
        right[~gone & (data.split == 2)].mean()
    )


def test_without_a_run_it_says_where_to_get_one(open_page: OpenPage, case: Case) -> None:
    page = open_page(PAGE, case=case.id)
    assert "no finished run" in " ".join(html.proto.body for html in page.get("html")).lower()


def test_scores_are_those_of_the_models(open_page: OpenPage, cases: Cases, case: Case) -> None:
    run = finished_run(cases, case)
    values = run.result().values
    page = open_page(PAGE, case=case.id, run=run.id)
    table = next(t.value for t in page.dataframe if "set" in t.value).set_index("set")
    for name, digest in (("before", values["before"]), ("after", values["after"])):
        removed, test = shares(cases, case, digest)
        assert table.loc["Removed records", name] == pytest.approx(100 * removed)
        assert table.loc["Test", name] == pytest.approx(100 * test)
    assert page.metric[0].value == "58"
    assert values["outcome"]["claim"] in " ".join(m.value for m in page.markdown)


@pytest.mark.parametrize("tab", ["Groups", "Records", "Hand over"])
def test_every_tab_draws(open_page: OpenPage, cases: Cases, case: Case, tab: str) -> None:
    run = finished_run(cases, case)
    page = open_page(PAGE, case=case.id, run=run.id, tab=tab)
    assert not page.error


def test_records_count_the_flips(open_page: OpenPage, cases: Cases, case: Case) -> None:
    run = finished_run(cases, case)
    values = run.result().values
    page = open_page(PAGE, case=case.id, run=run.id, tab="Records")
    data, forget = cases.dataset(case.dataset), cases.forget_sets(case.id)[0][1]
    gone = np.isin(data.ids, forget.ids) & (data.split == 0)
    answers = [logits(cases.model(values[k]), data.x[gone]).argmax(1) for k in ("before", "after")]
    flips = int((answers[0] != answers[1]).sum())
    assert any(f"{flips} of {gone.sum()} answers changed" in m.value for m in page.markdown)


def test_a_guard_is_shown_as_suppressed(open_page: OpenPage, cases: Cases, case: Case) -> None:
    run = finished_run(cases, case, "guard")
    page = open_page(PAGE, case=case.id, run=run.id)
    text = " ".join(m.value for m in page.markdown)
    assert "suppressed" in text
    assert "The model is unchanged" in text
