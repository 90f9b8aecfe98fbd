"""Shards in slices, and shards by a column: the stages' definition, restarts, their cost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from disgorge_core import sharding_plan, training
from disgorge_core.errors import BadModel, BadParam
from disgorge_core.models.saved import load_model_folder, save_model
from disgorge_core.regimes.sharded import (
    Sharded,
    refit_shards,
    restarts,
    shard_of,
    shard_seed,
    slice_of,
)
from disgorge_core.training.staged import stage_seed
from disgorge_core.types import Recipe
from tests.training.small import MLP, TABLE_MLP, at, digits, same, table
from tests.training.small_texts import texts

RECIPE = Recipe(epochs=4, lr=0.05, batch=16)
SLICED = Sharded(3, 7, slices=3)


def owned(data, owners: int = 12):
    """The dataset with an owner for each record."""
    owner = np.array([f"owner {i * 7 % owners}" for i in range(len(data))])
    return replace(data, meta=data.meta.assign(owner=owner))


def gone_of(data, rows) -> np.ndarray:
    return np.isin(np.arange(len(data)), rows) & (data.split == 0)


def removed(model, data, gone, earlier=False):
    return refit_shards(model, data, ~(gone | earlier), restarts(model, data, gone))


@pytest.mark.parametrize(
    ("make", "layers"), [(digits, MLP), (table, TABLE_MLP), (texts, "text_mean"), (digits, "cnn")]
)
def test_the_whole_after_a_removal_is_the_fit_without_f(make, layers):
    """Bitwise: weights, preprocessing, kept weights, records; a category leaves from a late slice too."""
    data = make()
    model = training.fit(data, layers, RECIPE, regime=SLICED)
    assert len(model.artefacts) == 3 * 2 * len(model.network.state_dict())
    for rows in ([3, 8], [21], np.arange(40, 60)):
        gone = gone_of(data, rows)
        found = removed(model, data, gone)
        whole = training.fit(data, layers, RECIPE, exclude=gone, regime=SLICED)
        assert same(found, whole) and not same(found, model)
        away = at(data, np.flatnonzero(~gone))
        assert same(whole, training.fit(away, layers, RECIPE, regime=SLICED))


def test_one_request_after_the_other():
    data = table()
    model = training.fit(data, TABLE_MLP, RECIPE, regime=SLICED)
    one, two = gone_of(data, [0, 1]), gone_of(data, [0, 1, 24, 25, 26])
    twice = removed(removed(model, data, one), data, two & ~one, one)
    assert same(twice, training.fit(data, TABLE_MLP, RECIPE, exclude=two, regime=SLICED))


def test_each_stage_is_a_fit_that_starts_from_the_one_before():
    """The slow definition: stage by stage by hand, on slices 1 to r."""
    data = table()
    model = training.fit(data, TABLE_MLP, RECIPE, regime=SLICED)
    shard, part = shard_of(data, SLICED), slice_of(data, SLICED)
    before = None
    for stage, epochs in enumerate(sharding_plan.stage_epochs(RECIPE.epochs, 3)):
        seed = stage_seed(shard_seed(RECIPE.seed, 1), stage)
        recipe = replace(RECIPE, epochs=epochs, seed=seed)
        others = (shard != 1) | (part > stage)
        before = training.fit(data, TABLE_MLP, recipe, exclude=others, start=before)
        if stage < 2:
            kept = model.artefacts[f"shards/1/{stage}/head.weight"]
            assert np.array_equal(kept, before.network.state_dict()["head.weight"].numpy())
    own = replace(model, members=model.members[1:2], artefacts={})
    assert own.digest == before.digest


def test_a_stage_knows_nothing_of_later_slices():
    data = table()
    late = (slice_of(data, SLICED) == 2) & (data.split == 0)
    model = training.fit(data, TABLE_MLP, RECIPE, regime=SLICED)
    other = training.fit(data, TABLE_MLP, RECIPE, regime=SLICED, exclude=late)
    assert model.artefacts.keys() == other.artefacts.keys()
    assert all(np.array_equal(model.artefacts[k], other.artefacts[k]) for k in model.artefacts)
    assert not same(model, other)


def test_a_late_record_costs_the_last_stage_alone():
    data = digits()
    model = training.fit(data, MLP, RECIPE, regime=SLICED)
    shard, part = shard_of(data, SLICED), slice_of(data, SLICED)
    train = data.split == 0
    epochs = sharding_plan.stage_epochs(RECIPE.epochs, 3)
    for stage in range(3):
        row = int(np.flatnonzero(train & (shard == 2) & (part == stage))[0])
        gone = gone_of(data, [row])
        assert restarts(model, data, gone) == {2: stage}
        counts = [int((train & (shard == 2) & (part <= a)).sum()) - 1 for a in range(3)]
        passes = sum(e * n for e, n in list(zip(epochs, counts, strict=True))[stage:])
        assert removed(model, data, gone).lineage.cost == passes


def test_an_emptied_slice_is_passed_over():
    data = digits()
    shard, part = shard_of(data, SLICED), slice_of(data, SLICED)
    model = training.fit(data, MLP, RECIPE, regime=SLICED)
    for stage in (0, 1):
        gone = (data.split == 0) & (shard == 1) & (part == stage)
        whole = training.fit(data, MLP, RECIPE, exclude=gone, regime=SLICED)
        assert same(removed(model, data, gone), whole)
        later = gone | ((data.split == 0) & (shard == 1) & (part == 2) & (data.y < 5))
        again = training.fit(data, MLP, RECIPE, exclude=later, regime=SLICED)
        assert same(removed(whole, data, later & ~gone, gone), again)


def test_kept_weights_travel_with_the_model_and_are_missed_if_they_do_not(tmp_path):
    data = digits()
    model = training.fit(data, MLP, RECIPE, regime=SLICED)
    save_model(model, tmp_path / "m")
    gone = gone_of(data, np.flatnonzero(slice_of(data, SLICED) == 2)[:1])
    back = load_model_folder(tmp_path / "m")
    wanted = removed(model, data, gone)
    assert same(removed(back, data, gone), wanted)
    bare = replace(model, artefacts={})
    (shard,) = restarts(model, data, gone)
    assert restarts(bare, data, gone) == {shard: 0}
    assert removed(bare, data, gone).lineage.cost > wanted.lineage.cost
    torn = {k: v[..., :3] for k, v in model.artefacts.items()}
    with pytest.raises(BadModel, match="do not fit"):
        removed(replace(model, artefacts=torn), data, gone)


def test_many_models_in_slices():
    data = table()
    model = training.fit(data, TABLE_MLP, RECIPE, regime=SLICED)
    keep = np.stack([~gone_of(data, [4]), ~gone_of(data, [9])])
    stack = training.refit_many(model, data, keep, [0, 5])
    assert same(stack.models[1], training.refit(model, data, keep[1], seed=5))
    assert same(stack.models[0], removed(model, data, ~keep[0] & (data.split == 0)))


def test_too_few_epochs_for_the_slices():
    with pytest.raises(BadParam, match="4 epochs cannot be spread over 8 stages"):
        training.fit(digits(), MLP, RECIPE, regime=Sharded(2, slices=8))


# --- by a column ----------------------------------------------------------------------------------


def test_an_owners_records_share_a_shard_and_a_slice():
    data = owned(digits(), owners=40)
    regime = Sharded(4, 1, slices=2, by="owner")
    shard, part = shard_of(data, regime), slice_of(data, regime)
    both = pd.DataFrame({"owner": data.meta["owner"], "shard": shard, "part": part})
    assert (both.groupby("owner").nunique() == 1).all().all()
    assert len(np.unique(shard)) == 4
    model = training.fit(data, MLP, RECIPE, regime=regime)
    gone = (data.meta["owner"] == "owner 3").to_numpy() & (data.split == 0)
    assert len(restarts(model, data, gone)) == 1
    assert len(restarts(training.fit(data, MLP, RECIPE, regime=Sharded(4)), data, gone)) > 1
    whole = training.fit(data, MLP, RECIPE, exclude=gone, regime=regime)
    assert same(removed(model, data, gone), whole)
    away = at(data, np.flatnonzero(~gone))
    assert same(whole, training.fit(away, MLP, RECIPE, regime=regime))


def test_a_column_that_is_missing_or_has_holes_is_refused():
    data = owned(digits())
    holes = replace(data, meta=data.meta.assign(owner=data.meta["owner"].where(data.y != 3)))
    for bad, column, says in ((data, "town", "no column 'town'"), (holes, "owner", "is empty for")):
        regime = Sharded(4, by=column)
        assert says in (regime.why_not(bad, "mlp") or "")
        with pytest.raises(BadParam, match=says):
            training.fit(bad, MLP, RECIPE, regime=regime)


def test_fewer_values_than_shards_is_said_before():
    data = owned(digits(), owners=2)
    assert "would have no record: take fewer shards" in (
        Sharded(6, by="owner").why_not(data, "mlp") or ""
    )


# --- what it costs --------------------------------------------------------------------------------


@pytest.mark.parametrize(("slices", "requests"), [(1, 1), (3, 1), (1, 6), (4, 6)])
def test_record_passes_of_random_requests_are_within_a_tenth_of_the_formula(slices, requests):
    """Counted, not computed: what the retrained shards' lineage says that they read."""
    data, rng = digits(300), np.random.default_rng(5)
    train, found = data.rows("train"), []
    recipe = Recipe(epochs=5, lr=0.05, batch=64)
    for seed in range(8):
        regime = Sharded(5, seed, slices)
        model = training.fit(data, "linear", recipe, regime=regime)
        assert model.lineage.cost == pytest.approx(5 * len(train), rel=0.1)
        for _ in range(10 if requests == 1 else 3):
            rows = rng.choice(train, requests, replace=False)
            found.append(removed(model, data, gone_of(data, rows)).lineage.cost)
    wanted = sharding_plan.removal_passes(len(train), 5, 5, slices, requests)
    assert np.mean(found) == pytest.approx(wanted, rel=0.1)
