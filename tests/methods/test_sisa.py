"""A sharded model after a removal is, bit for bit and as a whole, the sharded model trained without F."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from disgorge_core import training
from disgorge_core.disgorging import disgorge, facts_for
from disgorge_core.methods.compartmentalization.sisa import Sisa
from disgorge_core.regimes.sharded import Sharded, shard_of, slice_of
from disgorge_core.types import Dataset, ForgetSet, Model, Tier
from disgorge_core.words import RESERVATIONS
from tests.methods.small import (
    LAYERS,
    RECIPE,
    chosen,
    digits,
    first,
    plain,
    same_weights,
    sharded,
    without,
)

Run = Callable[[Model, Dataset, ForgetSet], Model]
REGIME = Sharded(5, 0)


def sisa(model: Model, data: Dataset, forget: ForgetSet) -> Model:
    return disgorge(model, data, forget, "sisa").model


def in_shard(number: int, n: int) -> np.ndarray:
    rows = digits().rows("train")
    return rows[shard_of(digits(), REGIME)[rows] == number][:n]


def proof(run: Run) -> None:
    data = digits()
    forget = chosen(data, np.concatenate([in_shard(1, 4), in_shard(3, 2)]))
    never = training.fit(without(data, forget), LAYERS, RECIPE, regime=REGIME)
    assert same_weights(run(sharded(), data, forget), never)


def test_it_is_the_sharded_model_that_never_held_the_records():
    proof(sisa)


def test_only_touched_shards_are_paid_for():
    data = digits()
    found = disgorge(sharded(), data, chosen(data, in_shard(2, 3)), "sisa")
    left = int((shard_of(data, REGIME)[data.rows("train")] == 2).sum()) - 3
    assert found.cost.passes == left * RECIPE.epochs
    assert found.figures["shards touched"] == 1
    facts = facts_for(sharded(), data, chosen(data, in_shard(2, 3)))
    assert Sisa().price(facts) == pytest.approx(found.cost.of_full)
    same = [a is b for a, b in zip(found.model.members, sharded().members, strict=True)]
    assert same == [True, True, False, True, True]


def test_the_tier_is_isolated_and_looking_at_the_model_is_said():
    data = digits()
    found = disgorge(sharded(), data, chosen(data, in_shard(0, 2), by_looking=True), "sisa")
    assert found.tier is Tier.ISOLATED
    assert RESERVATIONS["by looking"] in found.claim


def test_what_an_earlier_guard_only_hid_is_trained_away_too():
    data = digits()
    one, two = chosen(data, in_shard(0, 2)), chosen(data, in_shard(4, 2))
    hidden = disgorge(sharded(), data, one, "guard").model
    found = disgorge(hidden, data, two, "sisa", excluded=[one])
    never = training.fit(data, LAYERS, RECIPE, regime=REGIME, exclude=one | two)
    assert same_weights(found.model, never)
    assert RESERVATIONS["guard kept"] in found.notes


def test_slices_through_two_requests_and_their_price():
    """Kept weights carry on: the second request starts from those that the first one left."""
    data, regime = digits(), Sharded(3, 0, slices=3)
    model = training.fit(data, LAYERS, RECIPE, regime=regime)
    part, rows = slice_of(data, regime), data.rows("train")
    late = chosen(data, rows[part[rows] == 2][:2])
    more = chosen(data, rows[part[rows] == 1][:3])
    one = disgorge(model, data, late, "sisa")
    two = disgorge(one.model, data, more, "sisa", excluded=[late])
    for found, gone in ((one, late), (two, late | more)):
        never = training.fit(without(data, gone), LAYERS, RECIPE, regime=regime)
        assert found.model.digest == never.digest  # kept weights too
    assert one.figures["stages trained again"] == one.figures["shards touched"]
    assert Sisa().price(facts_for(model, data, late)) == pytest.approx(one.cost.of_full)
    assert Sisa().price(facts_for(one.model, data, more, [late])) == pytest.approx(two.cost.of_full)
    assert one.cost.of_full < 0.7


def test_price_before_sharding_is_the_papers_expectation():
    """S (1 - (1 - 1/S)^K) shards are touched by K records: Monte Carlo."""
    facts = facts_for(plain(15), digits(15), first(digits(15), 4))
    draws = np.random.default_rng(0).integers(0, 5, (20_000, 4))
    expected = np.mean([len(set(row)) for row in draws.tolist()]) / 5
    assert Sisa().price(facts) == pytest.approx(expected * 296 / 300, abs=0.01)
