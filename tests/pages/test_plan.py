"""Plan: counts and prices against what is counted here, and the request that Run queues."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from disgorge_core import training
from disgorge_core.cases import Case, Cases
from disgorge_core.data.forget_set import from_mask
from disgorge_core.disgorging import applicable
from disgorge_core.types import Marks
from pages.common.questions import ask
from pages.panels.plan import forecast
from tests.pages.answers import answer_here
from tests.pages.finished import finished_run

OpenPage = Callable[..., AppTest]
PAGE = "disgorge/plan"


@pytest.fixture(autouse=True)
def no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_here(monkeypatch)


def text(app: AppTest) -> str:
    """Everything that the page says."""
    html = [e.value for e in app.main.get("html")]
    return " ".join([*html, *(m.value for m in app.markdown), *(c.value for c in app.caption)])


def opened(open_page: OpenPage, cases: Cases, case: Case, **more: str) -> AppTest:
    fid = cases.forget_sets(case.id)[0][0]
    return open_page(PAGE, case=case.id, **{"forget": fid, **more})


def test_what_is_missing_is_said_with_a_link(open_page: OpenPage, cases: Cases, case: Case) -> None:
    assert "No case is open" in text(open_page(PAGE))
    assert "No records are chosen" in text(open_page(PAGE, case=case.id))
    bare = cases.create("Without a model", cases.dataset(case.dataset))
    assert "no model yet" in text(open_page(PAGE, case=bare.id))


def test_the_records_are_counted(open_page: OpenPage, cases: Cases, case: Case) -> None:
    data = cases.dataset(case.dataset)
    gone = np.isin(data.ids, cases.forget_sets(case.id)[0][1].ids)
    shown = text(opened(open_page, cases, case))
    train, validation, test = (int((gone & (data.split == code)).sum()) for code in range(3))
    assert f"<b>{train}</b> of {int((data.split == 0).sum()):,} records" in shown
    assert f"{validation} records of validation and {test} of test" in shown
    assert "without looking at the model" in shown


def test_equal_records_that_stay_are_counted(open_page: OpenPage, cases: Cases, case: Case) -> None:
    data = cases.dataset(case.dataset)
    train = np.flatnonzero(data.split == 0)
    x = data.x.copy()
    x[train[10:13]] = x[train[0]]  # three kept copies of a removed record
    copied = replace(data, x=x, name="copied", digest="0" * 64)
    mask = np.zeros(len(data), dtype=bool)
    mask[train[0]] = True
    model = cases.model(case.models[0])
    made = cases.create("Copies", copied, [model])
    fid = cases.save_forget(made.id, from_mask(copied, mask, "one record", by_looking=True))
    shown = text(open_page(PAGE, case=made.id, forget=fid))
    assert "**3 near-copies** stay" in shown
    assert "chosen by looking at the model" in shown


def test_the_offers_are_those_of_the_library(open_page: OpenPage, cases: Cases, case: Case) -> None:
    model, data = cases.model(case.models[0]), cases.dataset(case.dataset)
    offers = applicable(model, data, cases.forget_sets(case.id)[0][1])
    fits = [offer for offer in offers if offer.why_not is None]
    app = opened(open_page, cases, case)
    keys = [b.key.removeprefix("choose_") for b in app.button if b.key.startswith("choose_")]
    assert keys[0] == offers[0].method
    assert set(keys) == {offer.method for offer in fits}
    shown = text(app)
    assert offers[0].reason.split(" takes about")[0] in shown
    for offer in offers:
        assert (offer.promise if offer.why_not is None else offer.why_not) in shown


def test_the_price_follows_the_settings(open_page: OpenPage, cases: Cases, case: Case) -> None:
    app = opened(open_page, cases, case, method="finetune")
    kept, trained, epochs = 942, 1000, 3
    app.number_input(key="plan_finetune_epochs").set_value(1).run()
    searched = 2 * kept / (epochs * trained)
    assert f"{100 * searched:.0f} % of a retrain" in _price(app)
    app.number_input(key="plan_finetune_lr").set_value(0.01).run()
    assert f"{100 * searched / 2:.0f} % of a retrain" in _price(app)


def test_references_that_are_kept_are_free(open_page: OpenPage, cases: Cases, case: Case) -> None:
    assert "up to 5 retrains" in _price(opened(open_page, cases, case))
    finished_run(cases, case, references=3)
    assert "3 kept from before" in _price(opened(open_page, cases, case))
    assert "up to 2 retrains" in _price(opened(open_page, cases, case))
    app = opened(open_page, cases, case)
    app.number_input(key="plan_references").set_value(3).run()
    assert "<td>free</td>" in _price(app)


def _price(app: AppTest) -> str:
    return next(e.value for e in app.main.get("html") if "dg-price" in e.value)


def test_without_a_recipe_there_are_no_references(
    open_page: OpenPage, cases: Cases, case: Case
) -> None:
    model = replace(cases.model(case.models[0]), recipe=None, name="unknown")
    cases.add_model(case.id, replace(model, artefacts={"note": np.zeros(1)}))
    app = opened(open_page, cases, case, model=cases.get(case.id).models[-1])
    assert "no reference models can be trained" in text(app)
    assert "choose_retrain" not in [b.key for b in app.button]


def test_run_queues_what_the_form_says(open_page: OpenPage, cases: Cases, case: Case) -> None:
    app = opened(open_page, cases, case)
    app.button(key="choose_finetune").click().run()
    app.number_input(key="plan_finetune_epochs").set_value(2).run()
    app.number_input(key="plan_seed").set_value(4).run()
    app.number_input(key="plan_references").set_value(0).run()
    app.button(key="plan_run").click().run()
    assert not app.exception
    (run,) = cases.runs(case.id)
    assert run.request == {
        "task": "disgorge", "model": case.models[0], "forget": cases.forget_sets(case.id)[0][0],
        "method": "finetune", "settings": {"epochs": 2, "lr": 0.0, "batch": 64}, "seed": 4,
        "references": 0, "marks": asdict(Marks()),
    }  # fmt: skip
    assert [t.value for t in app.title] == ["Runs"]
    assert app.session_state["ui"].run == run.id
    assert "Waiting for the worker" in text(app)


def test_predicted_effect_is_the_librarys(open_page: OpenPage, cases: Cases, case: Case) -> None:
    app = opened(open_page, cases, case)
    app.button(key="plan_effect").click().run()
    fid = cases.forget_sets(case.id)[0][0]
    found = ask(case, "predicted_effect", model=case.models[0], forget=fid)
    rows, before = found.arrays["rows"], found.arrays["before"]
    data = cases.dataset(case.dataset)
    gone = cases.forget_sets(case.id)[0][1].mask(data)
    inside = (data.split[rows] == 2) & ~gone[rows]
    z = (before + found.arrays["change"])[inside]
    share = float((z.argmax(1) == data.y[rows][inside]).mean())
    assert f"**{100 * share:.1f} % right** on test" in text(app)


def test_an_effect_beyond_what_holds_is_not_a_number(
    open_page: OpenPage, cases: Cases, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    fid = cases.forget_sets(case.id)[0][0]
    found = ask(case, "predicted_effect", model=case.models[0], forget=fid)
    change = np.random.default_rng(0).normal(scale=1e3, size=found.arrays["change"].shape)
    far = replace(found, arrays={**found.arrays, "change": change})
    monkeypatch.setattr("pages.panels.plan.effect.ask", lambda *_, **__: far)
    app = opened(open_page, cases, case)
    app.button(key="plan_effect").click().run()
    assert any("beyond where a first-order" in w.value for w in app.warning)
    assert "% right" not in text(app)


def test_a_set_outside_training_says_so_and_offers_no_run(
    open_page: OpenPage, cases: Cases, case: Case
) -> None:
    data = cases.dataset(case.dataset)
    fid = cases.save_forget(case.id, from_mask(data, data.split == 2, "the test split"))
    app = open_page(PAGE, case=case.id, forget=fid)
    assert any("in the training split" in e.value for e in app.error)
    assert "plan_run" not in [b.key for b in app.button]
    assert [b.key for b in app.selectbox] == ["plan_forget", "plan_model"]


def test_one_forecast_serves_the_reason_and_the_price(
    open_page: OpenPage, cases: Cases, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forecast, "seconds_to_retrain", lambda facts: 600.0)
    app = opened(open_page, cases, case)
    shown = text(app)
    assert "**Recommended.** A full retrain takes about 10 minutes here" in shown
    assert "A full retrain by its recipe takes about 10 minutes here." in shown
    assert "about 50 minutes" in _price(app)  # five references


def test_settings_that_do_not_apply_are_said_before_the_start(
    open_page: OpenPage, cases: Cases, case: Case
) -> None:
    data, model = cases.dataset(case.dataset), cases.model(case.models[0])
    train = data.rows("train")
    keep = np.isin(np.arange(len(data)), train[::2])
    digest = cases.add_model(case.id, training.refit(model, data, keep))
    few = cases.save_forget(
        case.id, from_mask(data, np.isin(np.arange(len(data)), train[:6]), "six")
    )
    app = open_page(PAGE, case=case.id, forget=few, model=digest, method="substitute")
    assert not app.button(key="plan_run").disabled and not app.warning
    app.text_input(key="plan_substitute_pool").set_value("label == 'none of them'").run()
    assert app.button(key="plan_run").disabled
    assert "choose another filter" in app.warning[0].value
