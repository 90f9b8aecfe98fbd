"""Ranks among references, by enumeration and by slow definitions."""

from __future__ import annotations

import numpy as np
import pytest

from disgorge_core.audit.ranks import Ranked, joint_p, moments_without, rank_p


def test_rank_p_by_enumeration():
    references = np.array([1.0, 2.0, 3.0])
    assert [rank_p(v, references) for v in (0.0, 1.0, 1.5, 3.0, 3.1)] == [1, 1, 0.75, 0.5, 0.25]


def test_what_is_no_number_is_not_refused_and_infinity_is():
    references = np.arange(19.0)
    assert rank_p(np.nan, references) == 1.0
    assert rank_p(np.inf, references) == 1 / 20


def test_nineteen_references_reach_five_per_cent_and_eighteen_do_not():
    assert rank_p(99.0, np.arange(19.0)) <= 0.05 < rank_p(99.0, np.arange(18.0))


@pytest.mark.parametrize("count", [4, 25])
def test_moments_without_each_row_are_those_of_the_others(count):
    stack = np.random.default_rng(0).normal(1e4, 1, (count, 3))  # a large mean: no cancellation
    mean, variance = moments_without(stack)
    for i in range(count):
        others = np.delete(stack, i, axis=0)
        assert mean[i] == pytest.approx(others.mean(0), rel=1e-12)
        assert variance[i] == pytest.approx(others.var(0, ddof=1), rel=1e-6)


def test_one_sided_and_two_sided():
    references = np.random.default_rng(0).normal(size=19)
    low = {"after": float(references.min() - 9)}
    assert Ranked(low, references).p("after") == 1.0
    assert Ranked(low, references, either=True).p("after") == 1 / 20


def test_equal_references_and_an_equal_model_are_not_odd():
    """Closed-form models do not vary with the seed."""
    same = Ranked({"after": 0.25, "before": 0.5}, np.full(19, 0.25))
    assert same.p("after") == 1.0 and same.p("before") == 1 / 20


def test_the_joint_p_value_refuses_one_more_draw_in_at_most_its_share():
    """Three dependent measures of 20 exchangeable models, each in turn the judged one: at most one in 20."""
    refused, models = 0, 20
    for seed in range(30):
        draws = np.random.default_rng(seed).standard_t(3, (models, 3)).cumsum(1)
        for judged in range(models):
            others = np.delete(draws, judged, axis=0)
            measures = [
                Ranked({"after": draws[judged, k]}, others[:, k], either=k == 2) for k in range(3)
            ]
            refused += joint_p(measures, "after") <= 0.05
    assert 0 < refused <= 0.05 * 30 * models * 1.3


def test_the_joint_p_value_sees_what_one_measure_sees():
    draws = np.random.default_rng(0).normal(size=(19, 3))
    odd = [Ranked({"after": 40.0 if k == 1 else 0.0}, draws[:, k]) for k in range(3)]
    assert joint_p(odd, "after") == 1 / 20
    assert joint_p([], "after") == 1.0


@pytest.mark.parametrize("either", [False, True])
def test_equal_values_get_equal_ranks(either):
    """Shares of few records: an honest model that ties with nearly all references is not refused."""
    references = np.array([1.0] * 37 + [0.0, 2.0])
    assert Ranked({"after": 1.0}, references, either).p("after") > 0.9
