"""Stacked training against single trainings: the definition that it must meet."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from disgorge_core import training
from disgorge_core.models.prediction import logits
from disgorge_core.training import loop, stacked
from disgorge_core.training.blueprint import blueprint
from disgorge_core.training.task import job_of, tasks_for
from disgorge_core.training.ticker import Ticker
from disgorge_core.types import Layer, Recipe, silent
from tests.training.small import MLP, TABLE_MLP, digits, distance, some, table

EXACT = Recipe(epochs=10, lr=0.05, batch=16, l2=1e-3, dtype="float64")


def unequal(data, models: int = 6):
    return np.stack([some(data, share, k) for k, share in enumerate(np.linspace(0.3, 1, models))])


def without_potters(data):
    keep = unequal(data)
    keep[::2] &= (data.x["work"] != "potter").to_numpy()
    return keep


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_unequal_pictures(optimiser):
    data = digits()
    keep, seeds = unequal(data), [5, 5, 7, 8, 9, 10]
    recipe = replace(EXACT, optimiser=optimiser, lr=0.01)
    stack = training.fit_many(data, MLP, recipe, keep, seeds)
    for model, mask, seed in zip(stack.models, keep, seeds, strict=True):
        single = training.fit(data, MLP, replace(recipe, seed=seed), exclude=~mask)
        assert distance(model.network, single.network) <= 1e-9
        assert model.seen == single.seen and model.recipe == single.recipe


def test_tables_with_gaps_and_categories_that_some_models_never_saw():
    data = table()
    keep = without_potters(data)
    stack = training.fit_many(data, TABLE_MLP, EXACT, keep, range(6))
    widths = set()
    for k, model in enumerate(stack.models):
        single = training.fit(data, TABLE_MLP, replace(EXACT, seed=k), exclude=~keep[k])
        assert model.preprocessing.columns == single.preprocessing.columns
        assert distance(model.network, single.network) <= 1e-9
        widths.add(model.network.hidden.in_features)
    assert widths == {7, 8}


def test_float32_after_twenty_steps():
    data = digits()
    keep = np.stack([some(data, 0.9, k) for k in range(5)])
    recipe = Recipe(epochs=5, lr=0.05, batch=32)
    assert all(4 * 32 >= (mask & (data.split == 0)).sum() > 3 * 32 for mask in keep)
    stack = training.fit_many(data, MLP, recipe, keep, range(5))
    for k, model in enumerate(stack.models):
        single = training.fit(data, MLP, replace(recipe, seed=k), exclude=~keep[k])
        assert distance(model.network, single.network) <= 1e-6


@pytest.mark.parametrize("augment", ["none", "flip+shift"])
def test_the_plain_loop_takes_the_same_steps(augment):
    """Two implementations, stacked and plain, with dropout and with augmentation."""
    data = digits(80)
    layers = (*MLP[:3], Layer("dropout", options={"p": 0.3}), MLP[3])
    recipe = replace(EXACT, augment=augment)
    keep = unequal(data, 3)
    stack = training.fit_many(data, layers, recipe, keep, [1, 2, 3])
    inputs, tasks = tasks_for(job_of(data, blueprint(layers, data), recipe, keep, [1, 2, 3]))
    for task, model in zip(tasks, stack.models, strict=True):
        loop.train(task, inputs, recipe, Ticker(silent, 1))
        assert distance(task.network, model.network) <= 1e-9


def test_augmentation_changes_what_is_learned():
    data = digits(80)
    plain = training.fit(data, MLP, EXACT)
    moved = training.fit(data, MLP, replace(EXACT, augment="shift"))
    assert distance(plain.network, moved.network) > 1e-3


def test_stacks_are_cut_to_fit_memory_and_change_nothing(monkeypatch):
    data = digits(80)
    keep = unequal(data)
    whole = training.fit_many(data, MLP, EXACT, keep, range(6))
    monkeypatch.setattr(stacked, "MEMORY", 1)
    for a, b in zip(
        whole.models, training.fit_many(data, MLP, EXACT, keep, range(6)).models, strict=True
    ):
        assert distance(a.network, b.network) <= 1e-9


def test_only_the_head_learns_where_the_recipe_says_so():
    data = digits(80)
    base = training.fit(data, MLP, EXACT)
    recipe = replace(EXACT, trainable="head", seed=9)
    keep = unequal(data, 2)
    stack = training.fit_many(data, base, recipe, keep, [9, 10])
    single = training.fit(data, base, recipe, exclude=~keep[0])
    assert distance(stack.models[0].network, single.network) <= 1e-9
    assert torch.equal(single.network.hidden.weight, base.network.hidden.weight)
    assert not torch.equal(single.network.head.weight, base.network.head.weight)


def test_start_weights_are_taken_over_and_said():
    data = digits(80)
    base = training.fit(data, MLP, EXACT, exclude=~some(data, 0.5, 0))
    still = replace(EXACT, lr=1e-8, l2=0.0, epochs=1)
    warm = training.fit(data, MLP, still, exclude=~some(data, 0.5, 1), start=base)
    assert distance(warm.network, base.network) < 1e-6
    assert set(base.seen) <= set(warm.seen) and base.digest in warm.lineage.parents


def test_start_weights_of_a_table_find_their_columns():
    data = table()
    keep = without_potters(data)
    base = training.fit(data, TABLE_MLP, EXACT, exclude=~keep[5])
    still = replace(EXACT, lr=1e-8, l2=0.0, epochs=1)
    warm = training.fit(data, TABLE_MLP, still, exclude=~keep[0], start=base)
    known = base.preprocessing.columns[1].values
    assert known == ("clerk", "farmer", "potter", "smith")
    stays = [0, 1, 2, 4, 5, 6, 7]
    assert (base.network.hidden.weight[:, stays] - warm.network.hidden.weight).abs().max() < 1e-6


def test_each_model_may_have_its_own_start():
    data = digits(80)
    first = training.fit_many(data, MLP, EXACT, unequal(data, 2), [0, 1])
    more = training.fit_many(data, MLP, EXACT, unequal(data, 2), [2, 3], start=first.models)
    single = training.fit(
        data, MLP, replace(EXACT, seed=3), exclude=~unequal(data, 2)[1], start=first.models[1]
    )
    assert distance(more.models[1].network, single.network) <= 1e-9


def test_logits_of_the_stack_are_those_of_its_models():
    data = digits(80)
    stack = training.fit_many(data, MLP, EXACT, unequal(data, 3), range(3))
    x, _ = data.arrays("test")
    assert stack.logits(x).shape == (3, len(x), 10)
    assert np.array_equal(stack.logits(x)[2], logits(stack.models[2], x))


def test_work_follows_the_records_kept(monkeypatch):
    """Records that were put through the network, padding included, against what `passes` says."""
    data = digits()
    keep = np.stack([some(data, share, 0) for share in (0.2, 0.5, 1.0)])
    seen = []
    before = stacked.normalised
    monkeypatch.setattr(
        stacked, "normalised", lambda raw, *a: seen.append(raw.shape[:2]) or before(raw, *a)
    )
    recipe = replace(EXACT, batch=8)
    stack = training.fit_many(data, MLP, recipe, keep, range(3))
    formula = (keep & (data.split == 0)).sum() * recipe.epochs
    assert stack.passes == formula
    assert formula <= sum(k * b for k, b in seen) <= 1.1 * formula


def test_validation_and_test_records_are_never_trained_on():
    data = digits(80)
    spoiled = replace(data, x=data.x.copy(), y=data.y.copy())
    spoiled.x[data.split != 0], spoiled.y[data.split != 0] = 255, 0
    a, b = (training.fit(d, MLP, EXACT) for d in (data, spoiled))
    assert a.digest == b.digest
    assert a.seen == tuple(sorted(data.ids[data.split == 0]))


def test_padding_of_short_batches_touches_no_record_that_left():
    """Weight 0 times an infinite value would be not-a-number."""
    data = table()
    data.x.loc[0, "age"] = np.inf
    keep = unequal(data)
    keep[:, 0] = False
    stack = training.fit_many(data, TABLE_MLP, EXACT, keep, range(6))
    single = training.fit(data, TABLE_MLP, EXACT, exclude=~keep[0])
    assert distance(stack.models[0].network, single.network) <= 1e-9
