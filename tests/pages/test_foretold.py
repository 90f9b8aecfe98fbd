"""The prediction against the outcome, and how far influence was trusted: ranked here once more by scipy."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import spearmanr
from streamlit.testing.v1 import AppTest

from disgorge_core.cases import Case, Cases
from disgorge_core.influence.ekfac import EkFacInfluence
from disgorge_core.metrics import margins
from pages.common import trusted
from pages.common.panels import View
from tests.pages.answers import answer_here
from tests.pages.finished import finished_run

OpenPage = Callable[..., AppTest]
ROW = {"set": "Test", "measured": "references", "n": 80, "rank": 0.8, "low": 0.7, "high": 0.9,
       "factor": 0.5, "ceiling": 0.9}  # fmt: skip


def words(app: AppTest) -> str:
    return " ".join(e.value for e in [*app.markdown, *app.main.get("html"), *app.caption])


def test_the_tab_tells_order_and_size_and_influence_how_far_it_was_trusted(
    open_page: OpenPage, cases: Cases, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_here(monkeypatch)
    fid, forget, _ = cases.forget_sets(case.id)[0]
    before = open_page("select/influence", case=case.id, forget=fid, tab="Predicted effect")
    assert trusted.UNMEASURED in words(before)

    run = finished_run(cases, case)
    data, arrays = cases.dataset(case.dataset), run.result().arrays
    test = np.flatnonzero((data.split == 2) & ~forget.mask(data))
    model, y = cases.model(case.models[0]), data.y[test]
    now = margins(arrays["before"][test], y)
    change = EkFacInfluence().predicted_change(model, data, forget.mask(data), test)
    guess = margins(arrays["before"][test] + change, y) - now
    real = np.mean([margins(z[test], y) for z in arrays["references"]], 0) - now
    rank = f"{spearmanr(guess, real)[0]:.2f}"

    page = open_page("compare/before_after", case=case.id, run=run.id, tab="Prediction")
    assert not page.error
    told = re.search(
        r"\*\*Test\*\* \((\d+)\).*?rank correlation \*\*(-?[\d.]+)\*\*", words(page), re.S
    )
    assert told and told[1] == str(len(test)) and told[2] == rank
    table = page.dataframe[0].value.set_index("Records")
    own = forget.mask(data) & (data.split == 0)
    assert table.loc["Removed records", "How many"] == own.sum()
    size = float(guess @ real / (guess @ guess))
    assert table.loc["Test", "Measured for one predicted"] == pytest.approx(size, abs=1e-4)

    after = open_page("select/influence", case=case.id, forget=fid, tab="Predicted effect")
    assert f"held against a run with references: rank correlation {rank} over test" in words(after)


@pytest.mark.parametrize(
    "changes, order, size",
    [
        ({}, "well: rank correlation **0.80** [0.70, 0.90], of about 0.90", "2.0 times too large"),
        ({"factor": 2.3, "ceiling": None}, "ranked the effects well", "2.3 times too small"),
        ({"rank": 0.5, "low": 0.3, "factor": 1.1}, "roughly", "about right"),
        ({"rank": 0.3, "low": 0.1, "factor": 1.1}, "weakly", ""),
        ({"rank": 0.1, "low": -0.1}, "did not rank the effects better than chance", ""),
        ({"rank": 0.1, "low": -0.1, "ceiling": 0.1}, "more than the removal does", ""),
        ({"rank": None}, "Too few records", ""),
    ],
)  # fmt: skip
def test_what_is_said_follows_the_numbers(changes: dict, order: str, size: str) -> None:
    row = {**ROW, **changes}
    assert order in trusted.order_said(row)
    assert size in trusted.size_said(row) and bool(size) == bool(trusted.size_said(row))


def test_trust_is_a_range_over_the_runs_of_the_chosen_model_only(
    cases: Cases, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Done:
        def __init__(self, name: str, model: str) -> None:
            self.id, self.request = name, {"model": model}

    held = {
        "a": [{**ROW, "rank": 0.31}, {**ROW, "set": "Removed records", "rank": 0.99}],
        "b": [{**ROW, "rank": 0.62, "ceiling": 0.7}],
        "c": [{**ROW, "rank": 0.01}],
        "d": [{**ROW, "measured": "disgorged"}],
    }
    runs = [Done(name, "other" if name == "c" else "mine") for name in held]
    monkeypatch.setattr(trusted.compared, "finished", lambda case_id: runs)
    monkeypatch.setattr(trusted, "_held", lambda case_id, run_id: held[run_id])
    said = trusted.trusted(View(case, model="mine"))
    assert "against 2 runs with references: rank correlation between 0.31 and 0.62" in said
    assert "allow between 0.70 and 0.90" in said
