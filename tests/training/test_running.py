"""Progress, cancelling, divergence, bad requests, and processes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from disgorge_core import training
from disgorge_core.errors import BadForgetSet, BadParam, Cancelled, Diverged, NotApplicable
from disgorge_core.training import ticker
from disgorge_core.types import ForgetSet, Recipe
from tests.training.small import MLP, digits, same, some

RECIPE = Recipe(epochs=3, lr=0.05, batch=32)
CNN = {"architecture": "cnn", "settings": {"width": 4}}


def masks(data, count):
    return np.stack([some(data, 0.8, k) for k in range(count)])


def test_convolutions_through_processes_are_bitwise_those_of_here():
    data = digits(80)
    keep, heard = masks(data, 4), []
    here = training.fit_many(data, recipe=RECIPE, keep=keep, seeds=range(4), workers=1, **CNN)
    there = training.fit_many(
        data, recipe=RECIPE, keep=keep, seeds=range(4), workers=2, report=heard.append, **CNN
    )
    single = training.fit(data, recipe=replace(RECIPE, seed=3), exclude=~keep[3], **CNN)
    for a, b in zip(here.models, there.models, strict=True):
        assert same(a, b)
    assert same(there.models[3], single)
    shares = [p.share for p in heard]
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1)


def test_divergence_in_a_process_is_told_here():
    data = digits(60)
    with pytest.raises(Diverged, match=r"model [12] of 2 .* Lower the learning rate \(now 1e\+"):
        training.fit_many(
            data,
            recipe=replace(RECIPE, lr=1e30),
            keep=masks(data, 2),
            seeds=[0, 1],
            workers=2,
            **CNN,
        )


@pytest.mark.parametrize("architecture", [MLP, "cnn"])
def test_progress_rises_to_one_and_carries_the_loss(architecture, monkeypatch):
    monkeypatch.setattr(ticker, "EVERY", 0.0)
    heard = []
    training.fit(digits(80), architecture, replace(RECIPE, batch=8, lr=0.01), report=heard.append)
    shares = [p.share for p in heard]
    assert shares == sorted(shares) and shares[-1] == 1 and len(shares) > RECIPE.epochs
    assert "epoch 2 of 3" in {p.message for p in heard}
    assert heard[-1].figures["loss"] < heard[0].figures["loss"]


def test_progress_of_many(monkeypatch):
    monkeypatch.setattr(ticker, "EVERY", 0.0)
    data, heard = digits(80), []
    training.fit_many(data, MLP, RECIPE, masks(data, 3), range(3), report=heard.append)
    shares = [p.share for p in heard]
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1)
    assert heard[0].message == "epoch 1 of 3, 3 models"


@pytest.mark.parametrize("architecture", [MLP, "cnn"])
@pytest.mark.parametrize("count", [1, 2])
def test_cancelling_stops_at_the_next_report(architecture, count, monkeypatch):
    monkeypatch.setattr(ticker, "EVERY", 0.0)
    data, heard = digits(80), []

    def cancel(progress):
        heard.append(progress)
        if len(heard) == 3:
            raise Cancelled("You stopped the work.")

    long = replace(RECIPE, epochs=10_000)
    with pytest.raises(Cancelled):
        training.fit_many(
            data, architecture, long, masks(data, count), range(count), workers=1, report=cancel
        )
    assert len(heard) == 3


def test_cancelling_stops_processes():
    data = digits(80)

    def cancel(progress):
        if progress.share > 0:
            raise Cancelled("You stopped the work.")

    long = replace(RECIPE, epochs=10_000)
    with pytest.raises(Cancelled):
        training.fit_many(
            data, recipe=long, keep=masks(data, 2), seeds=[0, 1], workers=2, report=cancel, **CNN
        )
    short = training.fit_many(
        data, recipe=RECIPE, keep=masks(data, 2), seeds=[0, 1], workers=2, **CNN
    )
    assert len(short) == 2


@pytest.mark.parametrize("architecture", [MLP, "cnn"])
def test_divergence_names_epoch_and_rate(architecture):
    with pytest.raises(Diverged, match=r"epoch [123] of 3 at learning rate 1e\+30") as caught:
        training.fit(digits(60), architecture, replace(RECIPE, lr=1e30))
    assert caught.value.remedy == "Lower the learning rate (now 1e+30)."


def test_divergence_in_a_stack_names_the_model():
    """One model alone diverges: its start weights are too large to square."""
    data = digits(60)
    good = training.fit(data, MLP, RECIPE)
    bad = training.fit(data, MLP, RECIPE)
    bad.network.head.weight.data *= 1e38
    with pytest.raises(Diverged, match="model 2 of 3"):
        training.fit_many(data, MLP, RECIPE, masks(data, 3), range(3), start=[good, bad, good])


def test_nothing_left_to_train_on():
    data = digits(60)
    with pytest.raises(BadForgetSet, match="No record is left to train the model on"):
        training.fit(data, MLP, RECIPE, exclude=np.ones(60, bool))
    keep = masks(data, 3)
    keep[1] = False
    with pytest.raises(BadForgetSet, match="model 2 of 3"):
        training.fit_many(data, MLP, RECIPE, keep, range(3))
    with pytest.raises(BadForgetSet):
        training.fit(data, "ridge", RECIPE, exclude=data.split == 0)


def test_a_whole_class_may_leave():
    data = digits(80)
    model = training.fit(data, MLP, RECIPE, exclude=data.y == 3)
    assert model.network.head.out_features == 10 and len(model.classes) == 10


def test_masks_and_seeds_must_match():
    data = digits(60)
    with pytest.raises(BadParam, match="2 masks, 3 seeds"):
        training.fit_many(data, MLP, RECIPE, masks(data, 2), range(3))


def test_a_model_without_recipe_needs_one():
    data = digits(60)
    model = replace(training.fit(data, MLP, RECIPE, name="upload"), recipe=None)
    with pytest.raises(NotApplicable, match="recipe of 'upload' is not known"):
        training.refit(model, data, np.ones(60, bool))
    assert training.refit(model, data, np.ones(60, bool), recipe=RECIPE, seed=3).recipe.seed == 3


def test_what_the_model_says_of_itself():
    data = digits(60)
    forget = ForgetSet(tuple(sorted(data.ids[:2])), data.digest)
    model = training.fit(data, "mlp", RECIPE, settings={"width": 5}, exclude=forget, name="mine")
    kept = np.flatnonzero(data.split == 0)[2:]
    assert model.name == "mine" and model.architecture_settings["width"] == 5
    assert model.seen == tuple(sorted(data.ids[kept]))
    assert model.lineage.trained_on == "known" and model.lineage.excluded == (forget.digest,)
    assert model.lineage.cost == len(kept) * RECIPE.epochs
    assert not model.network.training


def test_the_world_outside_is_left_as_it_was():
    before, threads = torch.random.get_rng_state(), torch.get_num_threads()
    template = nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(64, 10))
    weights = template[2].weight.clone()
    before = torch.random.get_rng_state()
    training.fit(digits(60), template, replace(RECIPE, threads=threads + 1))
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.get_num_threads() == threads
    assert torch.equal(template[2].weight, weights) and template.training


def test_a_single_last_record_joins_the_batch_before_it_under_batch_norm():
    """67 records in batches of 11 leave one over, which alone would have no variance."""
    data = digits(80)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8), nn.Linear(8, 10))
    assert (data.split == 0).sum() % 11 == 1
    model = training.fit(data, net, replace(RECIPE, batch=11))
    assert int(model.network[2].num_batches_tracked) == 6 * RECIPE.epochs
