"""Influence: the page's sentences against scores computed apart."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from disgorge_core import verbs
from disgorge_core.cases import Case, Cases
from disgorge_core.comparison import Comparison
from disgorge_core.runs import TaskResult
from disgorge_core.types import Dataset
from pages.common.predicted import Predicted
from pages.common.predictions import Predictions
from pages.panels.influence.inside import Ranking, price
from tests.pages.answers import answer_here

Open = Callable[..., AppTest]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_here(monkeypatch)


def words(app: AppTest) -> str:
    return " ".join(e.value for e in [*app.markdown, *app.main.get("html"), *app.caption])


def test_without_a_forget_set_the_page_says_where_to_choose_one(
    open_page: Open, case: Case
) -> None:
    app = open_page("select/influence", case=case.id)
    assert "No forget set is chosen" in words(app)


def test_one_prediction_tells_the_share_and_the_sum_of_the_chosen_records(
    open_page: Open, cases: Cases, case: Case
) -> None:
    data, model = cases.dataset(case.dataset), cases.model(case.models[0])
    fid, forget, _ = cases.forget_sets(case.id)[0]
    row = int(data.rows("test")[3])
    scores = verbs.influence(model, data, np.array([row]))
    inside = np.isin(scores.train_ids, np.array(forget.ids))
    top = np.argsort(-scores.matrix[:, 0], kind="stable")[:50]
    app = open_page(
        "select/influence",
        case=case.id,
        forget=fid,
        record=str(data.ids[row]),
        tab="One prediction",
    )
    assert f"makes up {int(inside[top].sum())} of the 50 records" in words(app)
    assert f"{inside.mean():.1%} of all training records" in words(app)
    told = float(re.search(r"change by \*\*([+-][\d.]+)\*\*", words(app))[1])
    assert told == pytest.approx(float(scores.of(forget)[0]), abs=0.02)


def test_what_they_hold_up_counts_the_others_only(
    open_page: Open, cases: Cases, case: Case
) -> None:
    data = cases.dataset(case.dataset)
    fid, forget, _ = cases.forget_sets(case.id)[0]
    others = int(((data.split > 0) & ~forget.mask(data)).sum())
    app = open_page("select/influence", case=case.id, forget=fid)
    down = int(re.search(r"margin of \*\*([\d,]+) of ([\d,]+)\*\*", words(app))[1].replace(",", ""))
    assert f"of {others:,}**" in words(app)
    scores = verbs.influence(
        cases.model(case.models[0]), data, np.flatnonzero((data.split > 0) & ~forget.mask(data))
    )
    by_scores = int((scores.of(forget) < 0).sum())
    assert abs(down - by_scores) <= 0.1 * others  # a step of all together and a sum of each


def test_the_predicted_effect_names_the_sets_that_were_asked(
    open_page: Open, cases: Cases, case: Case
) -> None:
    fid, forget, _ = cases.forget_sets(case.id)[0]
    data = cases.dataset(case.dataset)
    app = open_page("select/influence", case=case.id, forget=fid, tab="Predicted effect")
    table = app.dataframe[0].value
    assert set(table["set"]) == {"Removed records", "Validation", "Test"}
    removed = int((forget.mask(data) & (data.split == 0)).sum())
    assert table.set_index("set").loc["Removed records", "n"] == removed
    assert "No near-copy" in words(app)


def test_stronger_kept_records_are_those_above_the_median_member() -> None:
    arrays = {
        "forget_rows": np.array([2, 5, 8]), "by_record": np.zeros(3),
        "train_rows": np.arange(10),
        "on_own": np.array([0.0, 9.0, 1.0, 4.0, -1.0, 3.0, 3.5, 0.0, 7.0, 3.0]),
    }  # fmt: skip
    assert Ranking(TaskResult({}, arrays)).stronger_kept().tolist() == [1, 3, 6]


def test_a_model_of_unknown_training_records_is_told(
    open_page: Open, cases: Cases, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = cases.model_card(case.models[0])
    monkeypatch.setattr(Cases, "model_card", lambda self, digest: {**card, "seen": None})
    app = open_page("select/influence", case=case.id, forget=cases.forget_sets(case.id)[0][0])
    assert "unknown which records this model was trained on" in words(app)


def test_a_sharded_model_is_told(
    open_page: Open, cases: Cases, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = cases.model_card(case.models[0])
    several = {**card, "members": card["members"] * 4}
    monkeypatch.setattr(Cases, "model_card", lambda self, digest: several)
    app = open_page("select/influence", case=case.id, forget=cases.forget_sets(case.id)[0][0])
    assert "averages 4 networks" in words(app)


def test_an_estimate_that_outgrows_the_margins_is_not_believed(cases: Cases, case: Case) -> None:
    data = cases.dataset(case.dataset)
    draw = np.random.default_rng(0)
    now = draw.normal(size=(len(data), 10))
    step = draw.normal(size=now.shape)
    assert estimate(data, now, 0.05 * step).believable
    assert not estimate(data, now, 5 * step).believable


def estimate(data: Dataset, now: np.ndarray, step: np.ndarray) -> Predicted:
    nobody = np.zeros(len(data), dtype=bool)
    none = np.zeros((0, *now.shape))
    c = Comparison(now, now + step, none, nobody, nobody, nobody)
    return Predicted(data, Predictions(data, "x", now), c, ~nobody, ())


def test_the_price_of_estimators_that_train_is_said_before() -> None:
    said = price({"estimator": "best", "settings": {"models": 4}})
    assert "**3 full trainings**" in said
    assert "trainings" not in price({"estimator": "ekfac", "settings": {}})
