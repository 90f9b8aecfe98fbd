"""Texts in training: the same as one network alone with plain torch, and words that leave no trace."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from disgorge_core import training
from disgorge_core.errors import BadModel
from disgorge_core.models.layers import WordMean
from disgorge_core.models.prediction import inputs, logits
from disgorge_core.regimes.sharded import Sharded
from disgorge_core.training.blueprint import blueprint
from disgorge_core.training.order import epoch_order
from disgorge_core.training.task import job_of, tasks_for
from disgorge_core.types import Dataset, Recipe
from tests.training.small import at, distance, same, some
from tests.training.small_texts import texts

RECIPE = Recipe(epochs=4, lr=0.5, batch=16, l2=1e-3)
SMALL = {"settings": {"width": 4, "hidden": 3, "dropout": 0.2}}
FORGET = np.array([1, 2, 6, 20, 21, 40])


def planted() -> Dataset:
    data = texts()
    told = data.x["story"].copy()
    told.iloc[FORGET] = told.iloc[FORGET] + " atlantis atlantis"
    return replace(data, x=data.x.assign(story=told))


def test_it_learns_to_tell_the_two_kinds_apart():
    data = texts(180)
    model = training.fit(data, "text_mean", replace(RECIPE, epochs=30))
    x, y = data.arrays("test")
    assert (logits(model, x).argmax(1) == y).mean() > 0.9


def test_regression_of_texts():
    data = texts(180, "regression")
    model = training.fit(data, "text_mean", replace(RECIPE, epochs=60, lr=0.1))
    x, y = data.arrays("test")
    assert ((logits(model, x)[:, 0] - y) ** 2).mean() < 0.4 * y.var()


def test_training_is_plain_sgd_on_word_numbers():
    """The definition: torch's own SGD on the network inputs that prediction makes."""
    data = texts(60)
    recipe = replace(RECIPE, dtype="float64", schedule="constant", momentum=0.0)
    model = training.fit(data, "text_mean", recipe, settings={"width": 4})
    job = job_of(data, blueprint("text_mean", data, {"width": 4}), recipe, np.ones(60, bool), [0])
    task = tasks_for(job)[1][0]
    optimiser = torch.optim.SGD(task.network.parameters(), lr=0.5, weight_decay=1e-3)
    for epoch in range(4):
        order = task.rows[epoch_order(data.keys[task.rows], 0, epoch)]
        for start in range(0, len(order), 16):
            rows = order[start : start + 16]
            z = task.network(inputs(model.members[0], data.take(rows)))
            optimiser.zero_grad()
            F.cross_entropy(z, torch.from_numpy(data.y[rows])).backward()
            optimiser.step()
    assert distance(task.network, model.network) <= 1e-12


def test_many_are_bitwise_the_single_ones_here_and_through_processes():
    data = planted()
    keep = np.stack([some(data, 0.8, k) for k in range(3)])
    keep[0, FORGET] = False
    here = training.fit_many(data, "text_mean", RECIPE, keep, range(3), workers=1, **SMALL)
    there = training.fit_many(data, "text_mean", RECIPE, keep, range(3), workers=2, **SMALL)
    for k, model in enumerate(here.models):
        single = training.fit(data, "text_mean", replace(RECIPE, seed=k), exclude=~keep[k], **SMALL)
        assert same(model, there.models[k]) and same(model, single)
    assert len({model.network.words.num_embeddings for model in here.models}) > 1
    assert here.passes == (keep & (data.split == 0)).sum() * RECIPE.epochs


@pytest.mark.parametrize("extra", [{}, {"regime": Sharded(3)}])
def test_a_word_that_only_f_holds_leaves_no_trace(extra):
    data = planted()
    forget = np.isin(np.arange(len(data)), FORGET)
    never = at(data, np.flatnonzero(~forget))
    full = training.fit(data, "text_mean", RECIPE, **SMALL, **extra)
    without = training.fit(data, "text_mean", RECIPE, exclude=forget, **SMALL, **extra)
    assert same(without, training.fit(never, "text_mean", RECIPE, **SMALL, **extra))
    assert "atlantis" in repr([member.preprocessing for member in full.members])
    for member in without.members:
        known = member.preprocessing.columns[0].values
        assert "atlantis" not in known
        assert member.network.words.num_embeddings == len(known) + 2
    assert same(training.refit(full, data, ~forget), without)


def test_the_order_of_the_file_plays_no_part():
    data = planted()
    shuffled = at(data, np.random.default_rng(0).permutation(len(data)))
    a, b = (training.fit(d, "text_mean", RECIPE, **SMALL) for d in (data, shuffled))
    assert same(a, b)


def test_a_word_starts_alike_whatever_other_words_are_known():
    data = planted()
    forget = np.isin(np.arange(len(data)), FORGET)
    still = replace(RECIPE, lr=1e-8, l2=0.0, epochs=1)
    models = [training.fit(data, "text_mean", still, exclude=e, **SMALL) for e in (None, forget)]
    tables = [
        dict(zip(m.preprocessing.columns[0].values, m.network.words.weight[2:], strict=True))
        for m in models
    ]
    assert tables[0].keys() > tables[1].keys()
    assert all(torch.allclose(tables[0][word], v, atol=1e-6) for word, v in tables[1].items())
    assert torch.allclose(models[0].network.head.weight, models[1].network.head.weight, atol=1e-6)
    assert len(torch.unique(models[0].network.words.weight[1:, 0])) > 20


def test_start_weights_find_their_words():
    data = planted()
    forget = np.isin(np.arange(len(data)), FORGET)
    base = training.fit(data, "text_mean", RECIPE, exclude=forget, **SMALL)
    still = replace(RECIPE, lr=1e-8, l2=0.0, epochs=1)
    warm = training.fit(data, "text_mean", still, start=base, **SMALL)
    x, _ = data.arrays("all")
    assert np.allclose(logits(warm, x), logits(base, x), atol=1e-5)
    atlantis = 2 + warm.preprocessing.columns[0].values.index("atlantis")
    assert torch.allclose(warm.network.words.weight[atlantis], base.network.words.weight[1])


def test_the_mean_is_over_the_words_that_there_are_times_the_root_of_their_number():
    words = WordMean(5, 3)
    x = torch.tensor([[2, 4, 4, 0, 0, 0], [0] * 6, [1, 0, 0, 0, 0, 0]])
    wanted = torch.stack(
        [(words.weight[2] + 2 * words.weight[4]) / 3**0.5, torch.zeros(3), words.weight[1]]
    )
    torch.testing.assert_close(words(x), wanted)
    torch.testing.assert_close(words.shares(x) @ words.weight, wanted)
    torch.testing.assert_close(words(x[:, :3]), wanted)


@pytest.mark.parametrize("name", ["ridge", "mlp", "cnn"])
def test_models_of_numbers_are_refused_in_words(name):
    with pytest.raises(BadModel, match=r"of texts\. Choose text_mean"):
        training.fit(texts(30), name)
