"""A prediction held against what was measured: against scipy, and worlds whose truth is made up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from disgorge_core import foresight
from disgorge_core.comparison import REMOVED, TEST, Comparison
from disgorge_core.types import Dataset, Roles

N = 4_000


def world(refs: int, noise: float, factor: float) -> tuple[Comparison, Dataset, np.ndarray]:
    """Two classes, logits (0, z), margins z: the true effect is `factor` times the predicted one."""
    rng = np.random.default_rng(0)
    effect = rng.normal(size=N)

    def logits(z):
        return np.stack([np.zeros(N), z], 1)

    truth = rng.normal(size=N)
    before = truth + noise * rng.normal(size=N)
    each = [truth + factor * effect + noise * rng.normal(size=N) for _ in range(refs)]
    y, split = np.ones(N, np.int64), np.where(np.arange(N) < 1000, 0, 2)
    forget = np.arange(N) < 500
    after = logits(before - 2 * effect)
    references = np.array([logits(z) for z in each]).reshape(refs, N, 2)
    c = Comparison(logits(before), after, references, forget, forget, np.zeros(N, bool))
    data = Dataset(
        "two", "table", "classification", np.arange(N).astype(str), pd.DataFrame({"a": effect}), y,
        ("no", "yes"), split, pd.DataFrame({"a": effect}), Roles(), "two",
    )  # fmt: skip
    return c, data, logits(effect)


def told(c: Comparison, data: Dataset, change: np.ndarray, step: int = 1) -> dict:
    """Rows of `held` by set and measure."""
    rows = np.flatnonzero((data.split > 0) | c.forget)[::step]
    return {(r["set"], r["measured"]): r for r in foresight.held(c, data, rows, change[rows])}


def test_rank_correlation_is_that_of_scipy_with_ties_and_its_interval_covers():
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(300):
        z = rng.normal(size=(2, 60))
        a, b = z[0], 0.8 * z[0] + 0.6 * z[1]
        found = foresight.rank_correlation(a, b)
        assert found.value == pytest.approx(spearmanr(a, b)[0])
        true = 6 / np.pi * np.arcsin(0.8 / 2)  # of a normal pair with correlation .8
        inside += found.low <= true <= found.high
    assert 0.92 <= inside / 300 <= 0.98
    a, b = rng.integers(0, 4, (2, 50))
    assert foresight.rank_correlation(a, b).value == pytest.approx(spearmanr(a, b)[0])


@pytest.mark.parametrize(
    "a, b", [(np.arange(9.0), np.arange(9.0)), (np.zeros(50), np.arange(50.0))]
)
def test_few_or_constant_records_have_no_order(a, b):
    assert np.isnan(foresight.rank_correlation(a, b).value)


def test_equal_orders_have_an_interval_that_ends_at_one():
    found = foresight.rank_correlation(np.arange(20.0), np.arange(20.0) ** 3)
    assert found.value == pytest.approx(1.0) and found.high == pytest.approx(1.0)


def test_the_ceiling_is_what_a_perfect_estimate_reaches():
    found = told(*world(refs=5, noise=1.0, factor=3.0))
    row = found[TEST, "references"]
    assert row["n"] == 3000 and found[REMOVED, "references"]["n"] == 500
    assert row["factor"] == pytest.approx(3.0, abs=0.1)
    assert row["ceiling"] == pytest.approx(np.sqrt(9 / (9 + 1.2)), abs=0.02)
    assert row["rank"] == pytest.approx(row["ceiling"], abs=0.02)
    own = found[TEST, "disgorged"]
    assert own["rank"] == pytest.approx(-1.0) and own["factor"] == pytest.approx(-2.0)
    assert own["ceiling"] is None


def test_the_ceiling_holds_where_few_records_carry_the_effect():
    rng = np.random.default_rng(1)
    true = np.where(rng.random(N) < 0.1, 10.0, 0.3) * rng.normal(size=N)
    measured, noises = true + rng.normal(size=N), rng.normal(size=(5, N))
    reached = spearmanr(true, measured)[0]
    assert reached < 0.55 < np.corrcoef(true, measured)[0, 1]
    assert foresight.ceiling(measured, noises) == pytest.approx(reached, abs=0.15)


def test_where_all_is_chance_the_ceiling_is_near_nothing():
    row = told(*world(refs=5, noise=1.0, factor=0.0))[TEST, "references"]
    assert row["ceiling"] < 0.3 and abs(row["rank"]) < 0.1


def test_without_references_only_the_disgorged_model_is_held_against():
    assert {measured for _, measured in told(*world(refs=0, noise=0.0, factor=1.0))} == {
        "disgorged"
    }


def test_few_references_tell_no_ceiling_and_thinned_rows_suffice():
    found = told(*world(refs=4, noise=0.1, factor=1.0), step=7)
    assert sum(row["n"] for row in found.values()) == 2 * 500
    assert all(row["ceiling"] is None for row in found.values())
