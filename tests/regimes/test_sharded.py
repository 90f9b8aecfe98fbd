from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from disgorge_core import training
from disgorge_core.errors import BadForgetSet, BadParam
from disgorge_core.models.prediction import logits
from disgorge_core.regimes.sharded import Sharded, refit_shards, restarts, shard_of, shard_seed
from disgorge_core.types import Recipe
from tests.training.small import MLP, TABLE_MLP, at, digits, same, table

RECIPE = Recipe(epochs=4, lr=0.05, batch=16)
REGIME = Sharded(4, 7)


@pytest.mark.parametrize(("make", "layers"), [(digits, MLP), (table, TABLE_MLP)])
def test_retraining_touched_shards_is_the_whole_fit_without_f(make, layers):
    """Bitwise, weights and preprocessing and records; the record with the rare category leaves too."""
    data = make()
    shard = shard_of(data, REGIME)
    forget = np.isin(np.arange(len(data)), [3, 8]) | ((shard == 2) & (data.y == 1))
    model = training.fit(data, layers, RECIPE, regime=REGIME)
    gone = forget & (data.split == 0)
    touched = set(shard[gone].tolist())
    assert restarts(model, data, gone) == dict.fromkeys(sorted(touched), 0) and len(touched) < 4
    removed = refit_shards(model, data, ~forget, restarts(model, data, gone))
    whole = training.fit(data, layers, RECIPE, exclude=forget, regime=REGIME)
    assert same(removed, whole) and not same(removed, model)
    assert same(training.refit(model, data, ~forget), whole)
    assert same(
        whole, training.fit(at(data, np.flatnonzero(~forget)), layers, RECIPE, regime=REGIME)
    )
    untouched = min(set(range(4)) - touched)
    assert removed.members[untouched] is model.members[untouched]
    kept = ~forget & (data.split == 0) & np.isin(shard, list(touched))
    assert removed.lineage.cost == kept.sum() * RECIPE.epochs
    assert removed.lineage.parents == (model.digest,)


def test_each_member_is_a_model_of_its_shard_alone():
    data = digits()
    model = training.fit(data, MLP, RECIPE, regime=REGIME)
    shard = shard_of(data, REGIME)
    seed = shard_seed(RECIPE.seed, 1)
    alone = training.fit(data, MLP, replace(RECIPE, seed=seed), exclude=shard != 1)
    own = replace(model, members=model.members[1:2])
    x, _ = data.arrays("test")
    assert np.array_equal(logits(own, x), logits(alone, x))
    assert np.allclose(
        logits(model, x),
        np.mean([logits(replace(model, members=(m,)), x) for m in model.members], 0),
    )
    assert (model.regime, model.regime_settings) == (
        "sharded", {"shards": 4, "seed": 7, "slices": 1, "by": ""},
    )  # fmt: skip
    assert model.artefacts == {}
    assert model.seen == tuple(sorted(data.ids[data.split == 0]))


def test_shards_depend_on_ids_only_and_are_even():
    data = digits(1000)
    shard = shard_of(data, REGIME)
    rows = np.random.default_rng(0).permutation(1000)[:700]
    assert np.array_equal(shard_of(at(data, rows), REGIME), shard[rows])
    assert np.bincount(shard, minlength=4).min() > 200
    assert not np.array_equal(shard, shard_of(data, Sharded(4, 8)))


def test_many_sharded_models():
    data = digits(80)
    model = training.fit(data, MLP, RECIPE, regime=REGIME)
    keep = np.stack([np.arange(80) != 4, np.arange(80) != 9])
    stack = training.refit_many(model, data, keep, [0, 5])
    single = training.refit(model, data, keep[1], seed=5)
    assert same(stack.models[1], single) and single.recipe.seed == 5


def test_an_emptied_shard_is_refused_with_a_remedy():
    data = digits(80)
    shard = shard_of(data, REGIME)
    with pytest.raises(BadForgetSet, match=r"Shard 3 of 4 .* fewer shards"):
        training.fit(data, MLP, RECIPE, exclude=shard == 2, regime=REGIME)


def test_a_model_without_shards_has_none_to_retrain():
    data = digits(60)
    with pytest.raises(BadParam, match="not trained in shards"):
        refit_shards(training.fit(data, MLP, RECIPE), data, np.ones(60, bool), {0: 0})
