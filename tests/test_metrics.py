"""Metrics against values by hand, textbook tables and slow definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from disgorge_core import metrics


def drawn(n: int = 30, classes: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return 3 * rng.normal(size=(n, classes)), rng.integers(0, classes, n)


def test_wilson_interval_is_newcombes_example():
    # Newcombe (1998), Statistics in Medicine 17, table I: 81 of 263 → .2553 to .3662.
    found = metrics.share(np.arange(263) < 81)
    assert (round(found.low, 4), round(found.high, 4)) == (0.2553, 0.3662)


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"), [(0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]
)
def test_wilson_interval_near_zero(hits, n, low, high):
    found = metrics.share(np.arange(n) < hits)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_wilson_limits_solve_their_equation(hits):
    found = metrics.share(np.array(hits))
    for limit in (found.low, found.high):
        z2 = (found.value - limit) ** 2 * found.n
        assert z2 == pytest.approx(1.959964**2 * limit * (1 - limit), abs=1e-6)


@pytest.mark.parametrize(
    ("freedom", "point"),
    [(1, 12.706), (2, 4.303), (4, 2.776), (10, 2.228), (30, 2.042), (100_000, 1.960)],
)
def test_t_points_are_the_table(freedom, point):
    assert metrics.t_point(freedom) == pytest.approx(point, abs=6e-4)


def test_mean_estimate_by_hand():
    found = metrics.mean_estimate(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))  # sd √2.5, t(4) 2.776
    assert found.value == 3.0
    assert found.high - found.value == pytest.approx(2.7764 * math.sqrt(2.5 / 5), abs=1e-3)


def test_one_value_has_no_interval():
    assert metrics.mean_estimate(np.array([2.0])).high == math.inf


def test_margin_is_the_log_odds():
    z, y = drawn()
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    own = p[np.arange(len(y)), y]
    np.testing.assert_allclose(metrics.margins(z, y), np.log(own / (1 - own)), atol=1e-9)


def test_margin_of_huge_logits_is_finite():
    z = np.array([[1e4, -1e4], [-1e4, 1e4]])
    np.testing.assert_allclose(metrics.margins(z, np.array([0, 0])), [2e4, -2e4])


def test_nll_is_torchs_cross_entropy():
    z, y = drawn()
    theirs = functional.cross_entropy(torch.tensor(z), torch.tensor(y), reduction="none")
    np.testing.assert_allclose(metrics.nll(z, y), theirs.numpy(), atol=1e-12)


def test_confusion_counts_pairs():
    z, y = drawn()
    counts = metrics.confusion(z, y, 4)
    slow = [[int(np.sum((y == a) & (z.argmax(1) == b))) for b in range(4)] for a in range(4)]
    assert counts.tolist() == slow
    assert np.trace(counts) / len(y) == metrics.accuracy(z, y).value


def test_kl_by_hand():
    found = metrics.kl(np.array([[0.5, 0.5], [1.0, 0.0]]), np.array([[0.25, 0.75], [0.5, 0.5]]))
    by_hand = 0.5 * math.log(2) + 0.5 * math.log(2 / 3)
    np.testing.assert_allclose(found, [by_hand, math.log(2)], atol=1e-12)


def test_js_of_opposite_one_hots_is_ln_2():
    one, other = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    assert metrics.js(one, other)[0] == pytest.approx(math.log(2))
    assert metrics.js(one, one)[0] == 0


def test_js_by_hand():
    # p = (1, 0), q = (½, ½): ½ ln(4/3) + ½ (½ ln(2/3) + ½ ln 2)
    by_hand = 0.5 * math.log(4 / 3) + 0.25 * (math.log(2 / 3) + math.log(2))
    assert metrics.js(np.array([[1.0, 0.0]]), np.array([[0.5, 0.5]]))[0] == pytest.approx(by_hand)


def test_flips_and_agreement_are_complements():
    a, _ = drawn(seed=1)
    b, _ = drawn(seed=2)
    slow = [int(np.argmax(one)) != int(np.argmax(two)) for one, two in zip(a, b, strict=True)]
    assert metrics.flips(a, b).tolist() == slow
    assert metrics.agreement(a, b).value == pytest.approx(1 - np.mean(slow))


def test_klom_of_disjoint_ensembles_is_its_cap():
    far = metrics.klom(np.full((50, 3), -9.0), np.full((50, 3), 9.0))
    np.testing.assert_allclose(far, math.log(1e5))


def test_klom_by_hand():
    # range 0..20, bins of width 1: a = half in bin 0, half in bin 19; b = one quarter and three.
    a, b = np.array([0.0, 0, 20, 20]), np.array([0.0, 20, 20, 20])
    by_hand = 0.5 * math.log(2) + 0.5 * math.log(2 / 3)
    assert metrics.klom(a[:, None], b[:, None])[0] == pytest.approx(by_hand)


def test_klom_floor_falls_with_more_models():
    rng = np.random.default_rng(0)
    floors = [metrics.klom(*rng.normal(size=(2, m, 200))).mean() for m in (5, 20, 50)]
    assert floors[0] > floors[1] > floors[2]
    assert floors[2] == pytest.approx(0.85, abs=0.25)  # about .83-.90 at 50, as published runs have


def test_rank_among_references():
    assert metrics.rank_among(0.5, np.array([0.1, 0.2, 0.9])) == (3, 4)
    assert metrics.rank_among(0.0, np.array([0.1, 0.2, 0.9])) == (1, 4)


def test_spread_holds_the_middle():
    found = metrics.spread(np.arange(1001.0))
    assert (found.low, found.value, found.high, found.n) == (25.0, 500.0, 975.0, 1001)


def test_by_group_splits_the_accuracy():
    z, y = drawn(60)
    groups = np.where(np.arange(60) < 20, "b", "a")
    table = metrics.by_group(z, y, groups)
    assert table.group.tolist() == ["a", "b"]
    assert (table.n * table.accuracy).sum() / 60 == pytest.approx(metrics.accuracy(z, y).value)
    assert table.accuracy[1] == metrics.accuracy(z[:20], y[:20]).value


def test_regression_measures_by_hand():
    outputs, y = np.array([[1.0], [4.0], [1.0]]), np.array([1.0, 1.0, 4.0])
    assert metrics.residuals(outputs, y).tolist() == [0.0, 3.0, -3.0]
    assert metrics.rmse(outputs, y).value == pytest.approx(math.sqrt(6))
    assert metrics.quality(outputs, y, "regression") == metrics.rmse(outputs, y)
    assert metrics.by_group(outputs, y, np.array(["a"] * 3), "regression").rmse[0] == pytest.approx(
        math.sqrt(6)
    )
