"""Ranges and categories of a table from noisy counts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from disgorge_core.privacy import reading
from disgorge_core.privacy.reading import middles, table


def people(n: int = 20_000) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    work = np.where(
        np.arange(n) < n - 5, np.where(draw.random(n) < 0.2, "smith", "clerk"), "potter"
    )
    age = draw.normal(40, 12, n)
    age[::50] = np.nan
    return pd.DataFrame({"age": age, "work": work, "debt": -draw.lognormal(8, 1, n), "zero": 0.0})


def test_near_the_true_moments_on_many_records():
    x = people()
    p = table(x, (), 5.0, 1e-6, 0)
    assert [c.name for c in p.columns] == ["age", "work", "debt", "zero"]
    assert p.columns[1].values == ("clerk", "smith")  # 5 potters are too few to be seen
    assert p.shift[0] == pytest.approx(40, abs=2) and 1 / p.scale[0] == pytest.approx(12, rel=0.2)
    assert p.shift[3] == pytest.approx(x["debt"].mean(), rel=0.15)
    assert (p.shift[4], p.scale[4]) == (0.0, 1.0)
    assert len(p.shift) == len(p.scale) == sum(c.width for c in p.columns)


def test_a_record_moves_one_count_of_a_column():
    x = people(500)
    full, less = (reading._counts(v.to_numpy()) for v in (x["debt"], x["debt"][1:]))
    assert np.abs(full - less).sum() == 1 and full.sum() == 500
    assert len(full) == len(middles())
    wild = np.array([np.inf, -np.inf, np.nan, 1e-30, 1e300, 0.0])
    assert reading._counts(wild).sum() == 5


def test_numbers_count_in_the_cell_that_holds_them():
    at, values = middles(), np.array([-3.0, 0.7, 1.0, 90.0, -1e6])
    for value in values:
        middle = at[reading._counts(np.array([value])).argmax()]
        assert 1 / np.sqrt(2) < value / middle < np.sqrt(2)


def test_noise_is_as_large_as_it_is_said():
    """Of many draws the deviation of a category's share follows σ √C over the sum of the counts."""
    x = pd.DataFrame({"a": ["u", "v"] * 5000, "b": ["s", "t"] * 5000})
    shares = [table(x, (), 20.0, 1e-4, seed).shift[0] for seed in range(300)]
    spread = 20 * np.sqrt(2)
    assert np.std(shares) == pytest.approx(spread * np.sqrt(0.5) / 10_000, rel=0.15)
    assert np.mean(shares) == pytest.approx(0.5, abs=0.001)


def test_a_category_of_one_record_is_not_given_away():
    """At δ' = 0.1 the threshold is 1 + σ √C z: the lone record passes in at most 10 % of the draws."""
    x = pd.DataFrame({"a": ["u"] * 5000 + ["lone"]})
    passed = sum(
        "lone" in (table(x, (), 3.0, 0.1, seed).columns[0].values or ()) for seed in range(600)
    )
    assert 30 < passed < 90


def test_few_records_are_read_as_nothing():
    p = table(people(40), (), 10.0, 1e-4, 0)
    assert (
        p.columns[1].values == ()
        and p.shift.tolist() == [0, 0, 0]
        and p.scale.tolist() == [1, 1, 1]
    )
