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
from disgorge_core.regimes.dp_head import DpHead, optimum, pure, sensitivity
from disgorge_core.training import convex
from disgorge_core.types import Recipe
from tests.training.small import MLP, at, digits, same, table

RECIPE = Recipe()


def records(n: int = 200, d: int = 6, seed: int = 0):
    draw = np.random.default_rng(seed)
    x, y = draw.normal(size=(n, d)), draw.integers(0, 3, n)
    x[y == 1] += 1
    return x / np.maximum(1, np.linalg.norm(x, axis=1, keepdims=True)), y


def slow_gradient(w, x, y, strength):
    """Σ (p - e_y) xᵀ + strength W, one record at a time."""
    g = strength * w
    for row, label in zip(x, y, strict=True):
        p = np.exp(w @ row - (w @ row).max())
        p = p / p.sum()
        g = g + np.outer(p - (np.arange(len(w)) == label), row)
    return g


@pytest.mark.parametrize("strength", [0.1, 2.0, 50.0])
def test_the_optimum_is_one(strength):
    x, y = records()
    w, _ = optimum(x, y, 3, strength)
    assert np.linalg.norm(slow_gradient(w, x, y, strength)) < 1e-3


def test_the_longest_gradient_of_one_record():
    """Over weights of any size: √2 is reached where a wrong class is sure, so the bound needs all of it."""
    x, y = records(40)
    longest = 0.0
    for seed in range(20):
        w = np.random.default_rng(seed).normal(size=(3, 6)) * 10.0 ** (seed % 4)
        each = [slow_gradient(w, x[i : i + 1], y[i : i + 1], 0.0) for i in range(len(x))]
        longest = max(longest, max(np.linalg.norm(g) for g in each))
    assert 1.41 < longest <= math.sqrt(2) + 1e-12
    assert longest / 7 <= sensitivity(7.0) < 1.002 * math.sqrt(2) / 7


def test_one_record_moves_the_optimum_by_no_more_than_the_bound():
    """Over many neighbours, records of length 1 that pull against the others among them."""
    worst = 0.0
    for strength in (0.5, 5.0):
        x, y = records(60)
        far = np.eye(6)[:3]
        x, y = np.concatenate([x, far, -far]), np.concatenate([y, [2, 0, 1, 1, 2, 0]])
        w, _ = optimum(x, y, 3, strength)
        for gone in range(len(x)):
            rest = np.arange(len(x)) != gone
            less, _ = optimum(x[rest], y[rest], 3, strength)
            worst = max(worst, np.linalg.norm(w - less) * strength)
            assert np.linalg.norm(w - less) <= sensitivity(strength)
    empty, _ = optimum(np.zeros((0, 6)), np.zeros(0, int), 3, 20.0)
    lone, _ = optimum(np.eye(6)[:1], np.array([0]), 3, 20.0)
    assert (empty == 0).all()
    assert 0.5 < np.linalg.norm(lone) * 20 / math.sqrt(2) < 1 and worst > 0.3


def test_noise_is_as_large_as_it_is_said():
    """Weights less the exact optimum, over many seeds: Δ/μ for Gaussian noise."""
    data = digits()
    regime = DpHead(epsilon=3.0, l2=0.05)
    stack = training.refit_many(
        training.fit(data, "linear", RECIPE, regime=regime),
        data,
        np.ones((30, len(data)), bool),
        range(30),
    )
    weights = np.stack([convex.weights_of(m) for m in stack.models])
    bound, n = bound_of(stack.models[0]), len(data.rows("train"))
    assert weights.std(0).mean() == pytest.approx(bound.noise * sensitivity(0.05 * n), rel=0.05)
    x = convex.design(stack.models[0].members[0], data.take(data.rows("train")))
    assert np.linalg.norm(x, axis=1).max() <= 1 + 1e-9
    w, _ = optimum(x, data.y[data.rows("train")], 10, 0.05 * n)
    assert np.abs(weights.mean(0) - w).max() < 5 * weights.std() / math.sqrt(30)
    assert bound.epsilon == pytest.approx(3.0) and bound.second == pytest.approx(3.0, abs=0.02)


def test_pure_noise():
    """Its length follows Gamma(d, s), its direction none: the log density falls by ‖b‖ / s."""
    draw = np.random.default_rng(0)
    drawn = np.stack([pure(draw, (2, 3), 0.5).ravel() for _ in range(4000)])
    length = np.linalg.norm(drawn, axis=1)
    assert length.mean() == pytest.approx(6 * 0.5, rel=0.03)
    assert length.var() == pytest.approx(6 * 0.25, rel=0.1)
    assert np.abs((drawn / length[:, None]).mean(0)).max() < 0.03
    data = digits()
    bound = bound_of(training.fit(data, "linear", RECIPE, regime=DpHead(kind="pure", epsilon=2.0)))
    assert (bound.epsilon, bound.delta, bound.most) == (2.0, 0.0, 5)
    assert bound.noise == pytest.approx(sensitivity(0.01 * bound.records) / 2)


def test_tables_pay_for_being_read():
    data = table(600)
    model = training.fit(data, "linear", RECIPE, regime=DpHead(epsilon=3.0, reading=3.0))
    free = training.fit(data, "linear", RECIPE, regime=DpHead(epsilon=3.0, reading=0.0))
    paid, other = bound_of(model), bound_of(free)
    assert paid.epsilon == pytest.approx(3.0) and other.epsilon == pytest.approx(3.0)
    assert paid.noise > other.noise and (paid.reading, other.reading) == (1, 0)
    assert paid.second == pytest.approx(paid.epsilon, abs=0.03)  # composed by the other accountant
    with pytest.raises(BadParam, match="Reading the records alone"):
        training.fit(data, "linear", RECIPE, regime=DpHead(epsilon=0.1, reading=1.0))


def test_it_is_repeatable_and_gets_better_with_epsilon():
    data = digits(900)
    model = training.fit(
        data, "linear", RECIPE, regime=DpHead(epsilon=10.0, l2=0.02, intercept=False)
    )
    assert same(training.refit(model, data, np.ones(900, bool)), model)
    backwards = training.fit(
        at(data, np.arange(900)[::-1]),
        "linear",
        RECIPE,
        regime=DpHead(epsilon=10.0, l2=0.02, intercept=False),
    )
    assert same(backwards, model)
    x, y = data.arrays("test")
    worse = training.fit(
        data, "linear", RECIPE, regime=DpHead(epsilon=0.1, l2=0.02, intercept=False)
    )
    right = [(logits(m, x).argmax(1) == y).mean() for m in (worse, model)]
    assert right[0] < 0.4 and right[1] > 0.7


def test_bad_settings():
    data = digits()
    assert "linear model" in str(DpHead().why_not(data, "mlp"))
    assert DpHead().why_not(data, "linear") is None and DpHead().why_not(table(), "linear") is None
    with pytest.raises(BadParam, match="linear model"):
        training.fit(data, MLP, RECIPE, regime=DpHead())
    for wrong in ({"epsilon": 0.0}, {"delta": -1.0}, {"l2": 0.0}):
        with pytest.raises(BadParam, match="must lie between"):
            make(DpHead, wrong)
    assert "says nothing of 125 records" in str(DpHead(delta=0.01).why_not(data, "linear"))
    assert "a limit without one cannot be had" in str(
        DpHead(kind="pure").why_not(table(), "linear")
    )
    with pytest.raises(BadModel, match="cannot start from the weights"):
        start = training.fit(data, "linear", replace(RECIPE, epochs=1))
        training.fit(data, "linear", RECIPE, start=start, regime=DpHead())
