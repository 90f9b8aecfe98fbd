"""Model page: the budget of a model with a certificate, against its artefacts."""

from __future__ import annotations

import html
from collections.abc import Callable

import numpy as np
from streamlit.testing.v1 import AppTest

from disgorge_core import training
from disgorge_core.cases import Case, Cases
from disgorge_core.disgorging import disgorge
from disgorge_core.regimes.perturbed import Perturbed
from disgorge_core.regimes.published_noisy import PublishedNoisy
from disgorge_core.types import Recipe
from disgorge_core.words import ASSUMPTIONS
from tests.methods.small import chosen

Open = Callable[..., AppTest]


def test_the_bar_shows_what_a_removal_spent_and_the_assumptions(
    open_page: Open, cases: Cases, case: Case
) -> None:
    data = cases.dataset(case.dataset)
    regime = Perturbed(l2=0.1, sigma=10.0)
    model = training.fit(data, "linear", Recipe(), regime=regime, name="tilted")
    after = disgorge(model, data, chosen(data, data.rows("train")[:2]), "certified_newton").model
    digest = cases.add_model(case.id, after)
    app = open_page("case/model", case=case.id, model=digest)
    spent = np.linalg.norm(after.artefacts["perturbed_spent"])
    total = 10 / np.sqrt(2 * np.log(1.5 / 1e-4))
    shown = html.unescape(" ".join(e.value for e in app.main.get("html")))
    assert f"{spent:.3g} of {total:.3g}" in shown and 0 < spent < total
    assert "2 records with this tilt" in shown
    said = " ".join(m.value for m in app.markdown)
    assert all(text in said for text in ASSUMPTIONS["perturbed"])


def test_a_model_published_with_noise_says_how_much(
    open_page: Open, cases: Cases, case: Case
) -> None:
    data = cases.dataset(case.dataset)
    model = training.fit(data, "linear", Recipe(), regime=PublishedNoisy(l2=0.5, distance=0.01))
    digest = cases.add_model(case.id, model)
    app = open_page("case/model", case=case.id, model=digest)
    shown = html.unescape(" ".join(e.value for e in app.main.get("html")))
    root = np.sqrt(np.log(1e4) + 1) - np.sqrt(np.log(1e4))
    assert f"{0.02 / (np.sqrt(2) * root):.3g}" in shown and "(ε = 1, δ = 0.0001)" in shown
    said = " ".join(m.value for m in app.markdown)
    assert all(text in said for text in ASSUMPTIONS["published_noisy"])


def test_other_models_have_no_such_panel(open_page: Open, case: Case) -> None:
    app = open_page("case/model", case=case.id)
    assert not [s for s in app.subheader if "Budget" in s.value]
