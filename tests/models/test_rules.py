"""Rules against their formulas: votes of scikit-learn, bounds by hand and by trying all answers."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from disgorge_core import training
from disgorge_core.features import activations
from disgorge_core.models.prediction import logits, places, softmax
from disgorge_core.models.rules.near_access_free import KINDS, cp_delta, cp_k
from disgorge_core.models.rules.nearest_heads import NEAR, Places, packed, places_of, unpacked
from disgorge_core.regimes.datastore import Datastore
from disgorge_core.types import Array, Recipe
from tests.training.small import MLP, digits, table


def test_votes_are_those_of_scikit_learn():
    data = digits()
    model = training.fit(data, MLP, Recipe(epochs=1), regime=Datastore(7))
    z = places(model.members[0], data.x).numpy()
    rows, k, classes = data.rows("train"), 7, 10
    known = KNeighborsClassifier(k).fit(z[rows], data.y[rows])
    votes = k * known.predict_proba(z[data.rows("test")])
    found = softmax(logits(model, data.take(data.rows("test"))))
    assert np.allclose(found, (votes + 1 / classes) / (k + 1), atol=1e-12)


def test_numbers_are_the_neighbours_mean():
    data = table(task="regression")
    model = training.fit(data, "linear", Recipe(epochs=1), regime=Datastore(4))
    z = places(model.members[0], data.x).numpy()
    rows = data.rows("train")
    known = KNeighborsRegressor(4).fit(z[rows], data.y[rows])
    assert np.allclose(logits(model, data.x)[:, 0], known.predict(z))


def test_the_bound_by_hand():
    one, two = np.array([[0.5, 0.5]]), np.array([[0.9, 0.1]])
    p, k = cp_delta(one, two, KINDS[0])
    assert np.allclose(p, [[5 / 6, 1 / 6]]) and k == pytest.approx(-np.log(0.6))
    p, k = cp_delta(one, two, KINDS[1])
    root = np.sqrt([0.45, 0.05])
    assert np.allclose(p, root / root.sum()) and k == pytest.approx(-2 * np.log(root.sum()))


def test_equal_halves_cost_nothing_and_strangers_much():
    q = np.random.default_rng(0).dirichlet(np.ones(4), 5)
    assert np.allclose(cp_delta(q, q, KINDS[0])[1], 0) and np.allclose(
        cp_delta(q, q, KINDS[1])[1], 0
    )
    assert cp_delta(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]), KINDS[0])[1] > 20


def test_no_answer_exceeds_the_bound_and_none_has_a_smaller_one():
    """Over all distributions on a grid, none is nearer to both than the minimum is."""
    rng = np.random.default_rng(1)
    one, two = rng.dirichlet(np.full(3, 5.0), 20), rng.dirichlet(np.full(3, 5.0), 20)
    p, k = cp_delta(one, two, KINDS[0])
    gap = np.maximum(np.log(p / one).max(1), np.log(p / two).max(1))
    assert (gap <= k + 1e-12).all()
    steps = np.linspace(0, 1, 41)[1:-1]
    grid = np.array([(a, b, 1 - a - b) for a, b in product(steps, steps) if a + b < 1 - 1e-9])
    best = np.log(grid[:, None] / np.minimum(one, two)).max(2).min(0)
    assert (best >= k - 1e-9).all() and (best <= k + 0.2).all()
    q, average = cp_delta(one, two, KINDS[1])
    for other in (one, two):
        assert ((q * np.log(q / other)).sum(1) <= average + 1e-12).all()


def test_rejecting_by_a_limit_is_what_sampling_gives():
    model = np.array([[0.7, 0.2, 0.1]])
    safe = np.array([[[0.2, 0.5, 0.3]], [[0.3, 0.4, 0.3]]])
    p, k = cp_k(model, safe, np.log(2.0))
    assert np.allclose(p, [[0, 2 / 3, 1 / 3]]) and k == pytest.approx(np.log(2) - np.log(0.3))
    drawn = np.random.default_rng(0).choice(3, 200_000, p=model[0])
    fits = (np.log(model[0][drawn]) - np.log(safe[:, 0][:, drawn]) <= np.log(2.0)).all(0)
    shares = np.bincount(drawn[fits], minlength=3) / fits.sum()
    assert np.allclose(shares, p[0], atol=0.005)
    gap = np.log(p[0][1:] / safe[:, 0, 1:]).max()
    assert gap <= k[0]
    assert np.isinf(cp_k(model, safe, -10.0)[1]).all()


def test_heads_are_counted_by_how_near_a_record_lies():
    """Against the formula written out record by record, network by network."""
    rng = np.random.default_rng(2)
    data = digits()
    one, two = (training.fit(data, MLP, Recipe(epochs=1, seed=seed)) for seed in (0, 1))
    z = [activations(model, data.x) for model in (one, two)]
    half = rng.random(len(data)) < 0.5
    places = [places_of(z[0][half], data.y[half]), places_of(z[1][~half], data.y[~half])]
    both = replace(
        one, members=(*one.members, *two.members), rule="nearest_heads", artefacts=packed(places)
    )
    said = [softmax(logits(model, data.x)) for model in (one, two)]
    means: list[dict[int, Array]] = [{}, {}]
    spread, wanted = 0.0, []
    for s, own in enumerate((half, ~half)):
        for c in np.unique(data.y[own]):
            here = z[s][own & (data.y == c)].astype(float)
            means[s][c] = here.mean(0)
            spread += ((here - here.mean(0)) ** 2).sum() / len(data)
    for x in range(20):
        near = [
            sum(
                (own & (data.y == c)).sum()
                * math.exp(-((z[s][x] - m) ** 2).sum() / (NEAR * spread))
                for c, m in means[s].items()
            )
            for s, own in enumerate((half, ~half))
        ]
        share = np.array(near) / sum(near)
        wanted.append(share[0] * said[0][x] + share[1] * said[1][x])
    found = logits(both, data.take(np.arange(20)))
    assert np.allclose(np.exp(found), wanted, atol=1e-4)
    assert np.allclose(np.exp(found).sum(1), 1)
    other = unpacked(both.artefacts)[1]
    assert np.array_equal(other.points, places[1].points) and other.spread == places[1].spread


def test_of_numbers_the_nearest_head_says_its_own():
    data = table(task="regression")
    model = training.fit(data, "mlp", Recipe(epochs=2))
    z = activations(model, data.x)
    far = [Places(z[:1] + move, np.ones(1), 1e-6) for move in (0.0, 1e3)]
    pair = replace(model, members=model.members * 2, rule="nearest_heads", artefacts=packed(far))
    assert np.allclose(logits(pair, data.x), logits(model, data.x), atol=1e-5)
