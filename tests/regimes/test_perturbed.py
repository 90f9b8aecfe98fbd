"""The perturbed fit against scipy's, its tilt, its budget by hand, and what it refuses."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from disgorge_core import training
from disgorge_core.errors import BadParam
from disgorge_core.models.prediction import logits
from disgorge_core.models.saved import load_model_folder, save_model
from disgorge_core.params import make
from disgorge_core.regimes.perturbed import (
    PROBED,
    SPENT,
    TYPICAL,
    B,
    Perturbed,
    budget_of,
    supported,
)
from disgorge_core.training.convex import weights_of
from disgorge_core.training.logistic import step_away
from disgorge_core.types import Recipe
from tests.regimes.convex_digits import three_or_eight
from tests.training.small import MLP, at, digits, same, table


def clipped(data, rows):
    """What the model reads, by hand: pixels over 255, shortened to length 1."""
    z = data.x[rows].reshape(len(rows), -1) / 255.0
    return z / np.maximum(1, np.linalg.norm(z, axis=1, keepdims=True))


def test_each_class_is_scipys_optimum_of_the_tilted_objective():
    data = digits(120)
    model = training.fit(
        data, "linear", Recipe(), regime=Perturbed(l2=0.01, sigma=2.0, intercept=False)
    )
    rows = data.rows("train")
    x, b = clipped(data, rows), model.artefacts[B]
    assert b.shape == (10, 64) and 1.6 < b.std() < 2.4

    def objective(w, k):
        t = np.where(data.y[rows] == k, 1.0, -1.0)
        loss = np.logaddexp(0, -t * (x @ w)).sum() + 0.01 * len(x) / 2 * w @ w + b[k] @ w
        slope = x.T @ (-t / (1 + np.exp(t * (x @ w)))) + 0.01 * len(x) * w + b[k]
        return loss, slope

    for k in (0, 7):
        found = minimize(objective, np.zeros(64), args=(k,), jac=True, options={"gtol": 1e-9})
        np.testing.assert_allclose(weights_of(model)[k], found.x, atol=1e-7)
    assert (model.artefacts[SPENT] < 1e-8).all()
    assert model.lineage.cost > 0 and model.recipe.dtype == "float64" and model.recipe.l2 == 0.01
    assert not model.preprocessing.fitted


def test_two_classes_have_one_weight_vector_and_answer_its_probability():
    data = three_or_eight()
    model = training.fit(data, "linear", Recipe(), regime=Perturbed(intercept=False))
    w, test = weights_of(model), data.rows("test")
    assert model.artefacts[B].shape == (1, 64) and not w[0].any()
    np.testing.assert_allclose(logits(model, data.take(test))[:, 1], clipped(data, test) @ w[1])
    right = (logits(model, data.take(test)).argmax(1) == data.y[test]).mean()
    assert right > 0.85


def test_the_same_records_and_seed_give_the_same_bits_and_another_seed_another_tilt():
    data, regime = digits(100), Perturbed()
    forget = np.isin(np.arange(100), [3, 8])
    model = training.fit(data, "linear", Recipe(seed=4), exclude=forget, regime=regime)
    alone = at(data, np.flatnonzero(~forget))
    assert same(model, training.fit(alone, "linear", Recipe(seed=4), regime=regime))
    assert same(model, training.refit(model, data, ~forget))
    other = training.refit(model, data, ~forget, seed=5)
    assert not np.array_equal(model.artefacts[B], other.artefacts[B])


def test_the_budget_is_the_formula():
    regime = Perturbed(sigma=1.0, epsilon=1.0, delta=1e-4)
    assert regime.budget == pytest.approx(1 / math.sqrt(2 * math.log(1.5e4)))
    assert round(regime.budget, 3) == 0.228
    assert Perturbed(sigma=3, epsilon=0.5).budget == pytest.approx(1.5 * regime.budget)


def test_what_is_supported_is_counted_by_the_joint_length():
    spent, each = np.array([0.3, 0.0]), np.array([0.1, 0.2])
    m = supported(spent, each, 2.0)
    assert np.linalg.norm(spent + m * each) <= 2 < np.linalg.norm(spent + (m + 1) * each)
    assert supported(np.array([3.0]), np.array([0.1]), 2.0) == 0


def test_the_typical_bound_is_that_of_removing_single_records():
    data, regime = three_or_eight(), Perturbed()
    model = training.fit(data, "linear", Recipe(), regime=regime)
    rows = data.rows("train")
    x, t = regime.sides(model, data, rows)
    found = []
    for i in np.unique(np.linspace(0, len(x) - 1, PROBED).astype(int)):
        kept = np.delete(x, i, axis=0)
        w, length = weights_of(model)[1], float(np.linalg.norm(kept, 2))
        found.append(step_away(kept, (x[i : i + 1], t[0][i : i + 1]), w, regime.l2, length)[1])
    assert model.artefacts[TYPICAL][0] == pytest.approx(np.mean(found), rel=0.05)


def test_capacity_rises_with_l2():
    data = three_or_eight()
    fits = [
        training.fit(data, "linear", Recipe(), regime=Perturbed(l2=v)) for v in (1e-3, 1e-2, 0.1)
    ]
    few, some, many = (budget_of(model).supports for model in fits)
    assert few < some < many


def test_it_is_saved_and_read_back_whole(tmp_path):
    model = training.fit(digits(60), "linear", Recipe(), regime=Perturbed())
    save_model(model, tmp_path / "model")
    again = load_model_folder(tmp_path / "model")
    assert same(model, again) and budget_of(again) == budget_of(model)
    x = digits(60).x
    assert torch.equal(torch.tensor(logits(model, x)), torch.tensor(logits(again, x)))


def test_a_table_with_categories_must_have_a_fitted_reading():
    data = table()
    assert "categories" in (Perturbed().why_not(data, "linear") or "")
    with pytest.raises(BadParam, match="categories"):
        training.fit(data, "linear", Recipe(), regime=Perturbed())
    fitted = Perturbed(reading="fitted")
    assert fitted.why_not(data, "linear") is None
    model = training.fit(data, "linear", Recipe(), regime=fitted)
    assert model.preprocessing.fitted
    forget = np.isin(np.arange(len(data)), [3, 8])  # the only potters
    assert same(training.refit(model, data, ~forget), training.refit(model, data, ~forget))
    assert training.refit(model, data, ~forget).network[-1].in_features == 7


@pytest.mark.parametrize(
    "bad", [{"epsilon": 0}, {"epsilon": -1}, {"delta": 0}, {"l2": 0}, {"sigma": 0}]
)
def test_settings_without_a_bound_are_refused(bad):
    with pytest.raises(BadParam, match="must lie between"):
        make(Perturbed, bad)


def test_other_networks_are_refused():
    with pytest.raises(BadParam, match="linear model"):
        training.fit(digits(60), MLP, Recipe(), regime=Perturbed())
    for name in ("mlp", "cnn", "ridge"):
        assert "Linear model" in (Perturbed().why_not(digits(60), name) or "")
    wide = replace(digits(3), x=np.zeros((3, 80, 80, 1), dtype=np.uint8))
    assert "smaller pictures" in (Perturbed().why_not(wide, "linear") or "")
