"""Model page: the bound of a privately trained model, its reach and its price, computed apart."""

from __future__ import annotations

import html
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from disgorge_core import training
from disgorge_core.cases import Case, Cases
from disgorge_core.models.prediction import logits
from disgorge_core.regimes.dp_head import DpHead
from disgorge_core.regimes.dp_sgd import DpSgd
from disgorge_core.regimes.synthesized import Synthesized
from disgorge_core.types import Recipe
from disgorge_core.words import PRIVACY_ASSUMES
from tests.pages.test_model import lanes_of_app  # noqa: F401

Open = Callable[..., AppTest]


def words_of(app: AppTest) -> str:
    said = [e.value for e in app.main.get("html")] + [
        m.value for m in (*app.markdown, *app.caption)
    ]
    return html.unescape(" ".join(said))


def test_bound_reach_and_price(open_page: Open, cases: Cases, case: Case, lanes_of_app) -> None:  # noqa: F811
    data = cases.dataset(case.dataset)
    recipe = Recipe(epochs=3, batch=250, lr=0.5)
    model = training.fit(
        data, "linear", recipe, regime=DpSgd(epsilon=0.5, delta=1e-9), name="private"
    )
    digest = cases.add_model(case.id, model)
    app = open_page("case/model", case=case.id, model=digest)
    shown, table = words_of(app), app.dataframe[0].value
    assert "(ε = 0.5, δ = 1e-09)" in shown or "(ε = 0.499, δ = 1e-09)" in shown
    eps = float(model.artefacts["privacy"][0])
    ten = f"(ε = {10 * eps:.3g}, δ = {10 * math.exp(9 * eps) * 1e-9:.2g})"
    assert table["covered by"].tolist()[1:] == [ten, "no meaningful bound"]
    most = max(
        k for k in range(1, 50) if k * eps <= 10 and k * math.exp((k - 1) * eps) * 1e-9 < 1e-3
    )
    assert f"from {most + 1:,} records on" in shown
    assert all(text in shown for text in PRIVACY_ASSUMES["dp_sgd"])
    rows = data.split == 2
    right = [
        (logits(m, data.x[rows]).argmax(1) == data.y[rows]).astype(float)
        for m in (cases.model(case.models[0]), model)
    ]
    lost = 100 * (right[0] - right[1])
    half = 1.9647 * lost.std(ddof=1) / math.sqrt(len(lost))  # Student's t of 499 degrees of freedom
    assert (
        f"{lost.mean():.1f} points ({lost.mean() - half:.1f} to {lost.mean() + half:.1f})" in shown
    )
    assert f"{100 * np.mean(right[1]):.1f} % (" in shown and "small (plain)" in shown


def test_without_a_plain_model_there_is_a_way_to_one(open_page: Open, cases: Cases) -> None:
    from disgorge_core.registry import EXAMPLES

    data = EXAMPLES["digits"]().dataset()
    model = training.fit(data, "linear", Recipe(), regime=DpHead(epsilon=12.0), name="head")
    case = cases.create("Private digits", data, [model])
    app = open_page("case/model", case=case.id, model=case.models[0])
    shown = words_of(app)
    assert "Train a plain model" in shown and "not even for one record" in shown


def test_an_edited_model_has_no_bound_and_others_have_no_such_panel(
    open_page: Open, cases: Cases, case: Case
) -> None:
    app = open_page("case/model", case=case.id)
    assert not [s for s in app.subheader if "Privacy" in s.value]
    model = training.fit(
        cases.dataset(case.dataset), "linear", Recipe(), regime=DpHead(), name="head"
    )
    with torch.no_grad():
        next(model.network.parameters()).mul_(1.1)
    digest = cases.add_model(case.id, model)
    app = open_page("case/model", case=case.id, model=digest)
    assert any("no longer holds" in w.value for w in app.warning)


def test_before_a_private_training_its_reach_and_recipe_are_said(
    open_page: Open,
    cases: Cases,
    case: Case,
    lanes_of_app,  # noqa: F811
) -> None:
    small = cases.model(case.models[0])
    with torch.no_grad():  # other weights, another digest
        next(small.network.parameters()).mul_(1.1)
    long = replace(small, recipe=replace(small.recipe, epochs=60), name="long")
    app = open_page("case/model", case=case.id, model=cases.add_model(case.id, long), tab="Train")
    assert not [m for m in app.metric if "covered" in m.label]
    app.selectbox(key="train_regime").set_value("dp_sgd").run()
    assert not app.exception
    boxes = {box.label: box.value for box in app.number_input}
    own = long.recipe
    rate = own.lr / (1 - own.momentum) * math.sqrt(400 / own.batch)
    rate = min(rate, 1000 * 3 / 12 / (own.epochs * 3))
    assert (boxes["Batch size"], boxes["Momentum"]) == (400, 0.0)  # 60,000 passes in 150 steps
    assert boxes["Learning rate"] == pytest.approx(rate, rel=0.05)
    (together,) = (m.value for m in app.metric if "covered" in m.label)
    assert together == "1"  # 2 e³ 1e-4 is above 1/1000
    needed = math.exp(-2 * 3) / (3 * 1000)
    assert f"A δ below {math.floor(needed * 1e7)}e-7 would cover 3 records" in words_of(app)


@pytest.mark.parametrize("private", [False, True])
def test_made_up_records_are_no_privacy_without_a_private_fit(
    open_page: Open,
    cases: Cases,
    case: Case,
    private: bool,
    lanes_of_app,  # noqa: F811
) -> None:
    model = training.fit(
        cases.dataset(case.dataset), "linear", Recipe(epochs=1), regime=Synthesized(private=private)
    )
    digest = cases.add_model(case.id, model)
    app = open_page("case/model", case=case.id, model=digest)
    assert not app.exception
    assert bool([s for s in app.subheader if "Privacy" in s.value]) is private
    assert ("ε" in words_of(app)) is private
