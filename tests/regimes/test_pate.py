from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from disgorge_core import training
from disgorge_core.errors import BadModel, BadParam
from disgorge_core.models.prediction import logits
from disgorge_core.params import make
from disgorge_core.privacy.bound import bound_of
from disgorge_core.regimes.pate import Pate, noisy_votes, votes
from disgorge_core.regimes.sharded import Sharded
from disgorge_core.types import Recipe
from tests.training.small import MLP, TABLE_MLP, at, digits, same, table

RECIPE = Recipe(epochs=15, lr=0.1, batch=16)
PUBLIC = "split == 'test'"
REGIME = Pate(teachers=4, epsilon=50.0, queries=20, public=PUBLIC, seed=3)


def test_the_bound_by_hand():
    """σ = 10 and 50 queries, δ = 1e-5: 50/100 + 2 √(50 · 11.513) / 10 = 5.2986."""
    sigma, mu = replace(REGIME, epsilon=5.2986).noise(50, 1e-5)
    assert sigma == pytest.approx(10, rel=1e-4) and mu == pytest.approx(1, rel=1e-4)
    for epsilon, queries, delta in ((1.0, 30, 1e-5), (8.0, 200, 1e-4)):
        sigma, _ = replace(REGIME, epsilon=epsilon).noise(queries, delta)
        orders = np.linspace(1.001, 500, 2_000_000)
        least = (queries * orders / sigma**2 + math.log(1 / delta) / (orders - 1)).min()
        assert least == pytest.approx(epsilon, rel=1e-5)


def test_a_vote_moves_two_counts_by_one():
    """Rényi divergence of two Gaussians at distance √2, by integration: α/σ² as the docstring has it."""
    sigma, alpha = 3.0, 4.0
    z = np.linspace(-60, 60, 400_001)
    p, q = (np.exp(-((z - m) ** 2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi))
            for m in (math.sqrt(2), 0.0))  # fmt: skip
    divergence = math.log((p**alpha * q ** (1 - alpha)).sum() * (z[1] - z[0])) / (alpha - 1)
    assert divergence == pytest.approx(alpha / sigma**2, rel=1e-6)
    data = digits()
    teachers = training.fit(data, MLP, RECIPE, regime=Sharded(4, 3))
    other = training.refit(teachers, data, np.arange(len(data)) != int(data.rows("train")[0]))
    counts = [votes(m, data.x, 10) for m in (teachers, other)]
    assert (counts[0].sum(1) == 4).all()
    assert np.linalg.norm(counts[0] - counts[1], axis=1).max() <= math.sqrt(2) + 1e-9


def test_noise_of_votes_is_as_large_as_it_is_said():
    """Two classes, a lead of 10 and σ = 10: the lead is lost with probability Φ(-10 / (10 √2)) = 0.24."""
    counts = np.tile([30.0, 20.0], (20_000, 1))
    assert noisy_votes(counts, 10.0, 1).mean() == pytest.approx(0.2398, abs=0.01)
    assert (noisy_votes(counts, 1e-9, 1) == 0).all()


def test_the_student_learns_the_votes_about_public_inputs_alone():
    """Bitwise the plain model of the public inputs with these labels; true labels of them play no part."""
    data = digits(240)
    model = training.fit(data, MLP, RECIPE, regime=REGIME)
    teachers = training.fit(data, MLP, RECIPE, regime=Sharded(4, 3))
    public = np.flatnonzero(data.split == 2)
    order = public[np.argsort(data.keys[public])][:20]
    sigma, _ = REGIME.noise(20, 0.1 / 200)
    y = data.y.copy()
    y[order] = noisy_votes(votes(teachers, data.x[order], 10), sigma, RECIPE.seed)
    split = np.where(np.isin(np.arange(240), order), 0, 2)
    plain = training.fit(replace(data, y=y, split=split), MLP, RECIPE)
    assert np.array_equal(logits(model, data.x), logits(plain, data.x))
    wrong = replace(data, y=np.where(data.split == 2, 0, data.y))
    assert np.array_equal(
        logits(training.fit(wrong, MLP, RECIPE, regime=REGIME), data.x), logits(model, data.x)
    )
    assert set(model.seen) == set(data.ids[data.split == 0])
    assert model.lineage.cost == (200 + 20) * RECIPE.epochs


def test_the_student_learns_from_its_teachers():
    data = digits(1200)
    regime = Pate(teachers=5, epsilon=100.0, queries=100, public=PUBLIC)
    recipe = replace(RECIPE, epochs=40)
    model = training.fit(data, MLP, recipe, regime=regime)
    rest = data.split == 2
    assert (logits(model, data.x[rest]).argmax(1) == data.y[rest]).mean() > 0.6


@pytest.mark.parametrize(("make_data", "layers"), [(digits, MLP), (table, TABLE_MLP)])
def test_it_is_repeatable_and_does_not_depend_on_the_order_of_the_file(make_data, layers):
    data = make_data()
    model = training.fit(data, layers, RECIPE, regime=REGIME)
    backwards = at(data, np.arange(len(data))[::-1])
    assert same(training.fit(backwards, layers, RECIPE, regime=REGIME), model)
    assert same(training.refit(model, data, np.ones(len(data), bool)), model)
    bound = bound_of(model)
    assert bound is not None and bound.reading == 1
    assert bound.epsilon == pytest.approx(50.0) and bound.second < bound.epsilon
    assert bound.records == len(data.rows("train")) and bound.delta == pytest.approx(
        0.1 / bound.records
    )


def test_bad_settings():
    data = digits()
    for wrong, said in (
        ({"teachers": 126}, "125 training records for 126 teachers"),
        ({"public": "split == 'validation'"}, "No record outside the training split"),
        ({"public": "split == 'train'"}, "No record outside the training split"),
        ({"public": "artist =="}, ""),
        ({"delta": 0.02}, "says nothing of 125 records"),
    ):
        regime = replace(REGIME, **wrong)
        assert said in (regime.why_not(data, "mlp") or "")
        assert regime.why_not(data, "mlp") is not None
    with pytest.raises(BadParam, match=r"126 teachers.*Take fewer"):
        training.fit(data, MLP, RECIPE, regime=replace(REGIME, teachers=126))
    with pytest.raises(BadParam, match="must lie between"):
        make(Pate, {"epsilon": 0})
    with pytest.raises(BadModel, match="cannot start from the weights"):
        training.fit(data, MLP, RECIPE, start=training.fit(data, MLP, RECIPE), regime=REGIME)
    assert REGIME.why_not(data, "mlp") is None
