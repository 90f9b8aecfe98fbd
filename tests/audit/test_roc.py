"""Areas and shares against loops over pairs, a grid, and draws from known distributions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from disgorge_core.audit.roc import auc, auc_of, found_at_few_alarms, variance


def test_the_area_counts_pairs_and_ties_by_half():
    assert auc_of(np.array([1.0, 2.0, 3.0]), np.array([2.0, 0.0])) == (1 + 1.5 + 2) / 6
    rng = np.random.default_rng(0)
    members, others = rng.integers(0, 5, 13), rng.integers(0, 6, 17)
    pairs = [(a > b) + 0.5 * (a == b) for a in members for b in others]
    assert auc_of(members, others) == pytest.approx(np.mean(pairs), abs=1e-15)


def test_the_variance_is_that_of_hanley_and_mcneil():
    """Their formula with Q1 = A/(2-A), Q2 = 2A²/(1+A), for as many members as others."""
    area, m = 0.8, 25
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    by_hand = area * (1 - area) + (m - 1) * (q1 - area**2) + (m - 1) * (q2 - area**2)
    assert variance(area, m, m) == pytest.approx(by_hand / m**2)


@pytest.mark.parametrize(("m", "n", "gap"), [(30, 60, 0.8), (5, 200, 0.0), (40, 40, 9.0)])
def test_the_interval_holds_what_a_grid_says(m, n, gap):
    rng = np.random.default_rng(1)
    found = auc(rng.normal(gap, 1, m), rng.normal(0, 1, n))
    grid = np.linspace(0, 1, 20_001)
    held = [g for g in grid if abs(found.value - g) <= 1.959964 * np.sqrt(variance(g, m, n))]
    assert (found.low, found.high) == pytest.approx((held[0], held[-1]), abs=1e-4)
    assert found.n == m


def test_one_member_and_full_separation_leave_wide_intervals():
    alone = auc(np.array([9.0]), np.arange(5.0))
    assert alone.value == 1 and alone.low < 0.5 and alone.high == pytest.approx(1)
    apart = auc(np.arange(20.0) + 100, np.arange(50.0))
    assert apart.value == 1 and 0.8 < apart.low < 0.99


def test_the_interval_holds_the_true_area_as_often_as_it_says():
    true, rng, held = norm.cdf(1.2 / np.sqrt(2)), np.random.default_rng(0), 0
    for _ in range(400):
        found = auc(rng.normal(1.2, 1, 25), rng.normal(0, 1, 60))
        held += found.low <= true <= found.high
    assert 0.92 <= held / 400 <= 0.99


def test_share_found_at_one_false_alarm_in_a_hundred():
    others = np.arange(100.0)
    found = found_at_few_alarms(np.array([97.5, 98.0, 98.5, 99.5]), others)
    assert found.value == 0.5 and found.n == 4  # only 99 may be above the line, which is 98
    low, high = 0.15004, 0.84996  # Wilson's interval of 2 in 4
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)


def test_below_a_hundred_others_it_cannot_be_measured():
    nothing = found_at_few_alarms(np.ones(3), np.arange(99.0))
    assert np.isnan(nothing.value) and (nothing.low, nothing.high) == (0, 1)
    assert found_at_few_alarms(np.ones(3), np.arange(199.0)).value == 0
