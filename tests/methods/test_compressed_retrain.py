"""The short retrain stands where full retrainings stand, and nothing of F goes into it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from disgorge_core import metrics, training
from disgorge_core.disgorging import disgorge
from disgorge_core.errors import NotApplicable
from disgorge_core.methods.retraining.compressed_retrain import CompressedRetrain
from disgorge_core.methods.retraining.short_recipe import shorter, training_time
from disgorge_core.models.prediction import logits
from disgorge_core.registry import METHODS
from disgorge_core.types import Array, Dataset, ForgetSet, Layer, Model, Outcome, Recipe, Tier
from disgorge_core.words import RESERVATIONS
from tests.methods.small import digits, first, plain, same_weights

Run = Callable[[Model, Dataset, ForgetSet], Model]
WRONG = 40
LAYERS = (
    Layer("flatten"),
    Layer("linear", "one", {"inputs": 64, "outputs": 64}),
    Layer("relu"),
    Layer("linear", "head", {"inputs": 64, "outputs": 10}),
)
RECIPE = Recipe(epochs=60, lr=0.05, batch=64)


def mislabelled() -> Dataset:
    return digits(WRONG, parts=(700, 150, 150))


@cache
def original(recipe: Recipe = RECIPE) -> Model:
    return training.fit(mislabelled(), LAYERS, recipe)


@cache
def oracles() -> training.Stack:
    data = mislabelled()
    keep = np.repeat(~first(data, WRONG).mask(data)[None], 8, axis=0)
    return training.fit_many(data, LAYERS, RECIPE, keep, list(range(101, 109)), workers=1)


@cache
def short(recipe: Recipe = RECIPE) -> Outcome:
    data = mislabelled()
    return disgorge(original(recipe), data, first(data, WRONG), "compressed_retrain", seed=7)


def kept_median(z: Array) -> float:
    rows = mislabelled().rows("train")[WRONG:]
    return float(np.median(metrics.margins(z[rows], mislabelled().y[rows])))


def proof(run: Run) -> None:
    data = mislabelled()
    after = logits(run(original(), data, first(data, WRONG)), data.x)
    theirs = oracles().logits(data.x)
    accuracy = [metrics.accuracy(z[:WRONG], data.y[:WRONG]).value for z in theirs]
    found = metrics.accuracy(after[:WRONG], data.y[:WRONG]).value
    assert abs(found - np.mean(accuracy)) <= 0.05
    assert kept_median(after) == pytest.approx(np.mean([kept_median(z) for z in theirs]), rel=0.15)


def test_it_stands_where_full_retrainings_stand():
    proof(lambda model, data, forget: short().model)


def far(model: Model) -> float:
    """Mean z² of the margins on F against the full retrainings."""
    data = mislabelled()
    y = data.y[:WRONG]
    theirs = np.stack([metrics.margins(m, y) for m in oracles().logits(data.x[:WRONG])])
    z = metrics.margins(logits(model, data.x[:WRONG]), y) - theirs.mean(0)
    return float((z**2 / theirs.var(0, ddof=1)).mean())


def noise_and_fine_tuning(model: Model, data: Dataset) -> Model:
    """Noise on all weights, then as many epochs on what is kept as the short runs take."""
    network, draw = copy.deepcopy(model.network), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in network.parameters():
            p.add_(0.2 * torch.randn(p.shape, generator=draw))
    noisy = replace(model, members=(replace(model.members[0], network=network),))
    settings = {"lr": 0.05, "epochs": 12}
    return disgorge(noisy, data, first(data, WRONG), "finetune", settings=settings).model


def test_it_ends_nearer_than_noise_and_fine_tuning():
    """The order of the research on wrong labels, where the latter was the best repair of old weights."""
    ours = far(short().model)
    repaired = far(noise_and_fine_tuning(original(), mislabelled()))
    assert 4 * ours < repaired < far(original())


def test_it_costs_its_budget_and_says_that_it_is_shorter():
    assert short().cost.of_full == pytest.approx(0.2 * 660 / 700, rel=0.01)
    assert short().tier is Tier.REBUILT
    assert "8 epochs" in short().model.lineage.shorter_recipe
    assert short().model.lineage.shorter_recipe in short().claim
    assert short().model.recipe is not None and short().model.recipe.epochs == 60


def test_neither_the_labels_of_f_nor_the_old_weights_reach_it():
    """The log-law: other labels on F and another original give the same bits."""
    data = mislabelled()
    y = data.y.copy()
    y[:WRONG] = (y[:WRONG] + 1) % 10
    other = replace(data, y=y)
    forget = first(data, WRONG)
    model = replace(training.fit(other, LAYERS, replace(RECIPE, epochs=3)), recipe=RECIPE)
    found = disgorge(model, other, forget, "compressed_retrain", seed=7)
    assert not same_weights(model, original())
    assert found.figures["paired"] == 0
    assert same_weights(found.model, short().model)


def test_progress_only_goes_forward():
    seen: list[float] = []
    data = digits(15)
    disgorge(
        plain(15), data, first(data), "compressed_retrain", settings={"budget": 0.5},
        report=lambda p: seen.append(p.share),
    )  # fmt: skip
    assert seen and seen == sorted(seen) and seen[-1] == pytest.approx(1)


def test_the_scale_changes_no_prediction():
    data = mislabelled()
    unscaled = training.refit(
        original(), data, ~first(data, WRONG).mask(data), recipe=shorter(RECIPE, 8, 7), seed=7
    )
    ours, theirs = logits(short().model, data.x), logits(unscaled, data.x)
    assert short().figures["scale"] > 1.1
    np.testing.assert_allclose(ours, short().figures["scale"] * theirs, rtol=1e-4, atol=1e-4)
    assert not metrics.flips(ours, theirs).any()


def test_the_gentle_recipe_by_hand():
    found = shorter(RECIPE, 8, 3)
    assert (found.batch, found.momentum, found.schedule, found.seed) == (16, 0.8, "linear", 3)
    assert found.lr == pytest.approx(0.05)  # 2 · 0.05 · ¼ · 0.2 / 0.1
    assert training_time(found, 660) == pytest.approx(0.5 * 0.05 * 8 * 42 / 0.2)
    assert training_time(RECIPE, 660) == pytest.approx(0.5 * 0.05 * 60 * 11 / 0.1)


def test_training_time_is_the_sum_of_the_rates():
    from disgorge_core.training.optimiser import rate

    for schedule in ("constant", "linear", "cosine"):
        recipe = replace(RECIPE, schedule=schedule)
        steps = 60 * 11
        slow = sum(float(rate(recipe, step, steps)) for step in range(steps)) / (
            1 - recipe.momentum
        )
        assert training_time(recipe, 660) == pytest.approx(slow, rel=0.01)


def test_where_the_short_run_does_not_fit_the_scale_is_paired_and_said():
    recipe = Recipe(epochs=20, lr=0.01, batch=64, momentum=0.9)
    found = short(recipe)
    assert found.figures["paired"] == 1
    assert RESERVATIONS["scale touched"] in found.notes
    assert found.tier is Tier.REBUILT


def test_short_runs_that_lose_quality_give_way_to_the_full_recipe():
    data, recipe = digits(15), Recipe(epochs=30, lr=0.002, batch=32)
    model = training.fit(data, LAYERS, recipe)
    settings = {"budget": 0.1}
    found = disgorge(model, data, first(data), "compressed_retrain", settings=settings)
    full = training.refit(model, data, ~first(data).mask(data), seed=0)
    assert same_weights(found.model, full)
    assert found.cost.of_full > 1
    assert found.model.lineage.shorter_recipe == ""


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"optimiser": "adam", "lr": 0.02}, "Adam"),
        ({"epochs": 5}, "short already"),
        ({"trainable": "head"}, "one layer"),
    ],
)
def test_it_says_where_it_was_measured_too_far(change, word):
    model = replace(plain(15), recipe=replace(plain(15).recipe or Recipe(), **change))
    with pytest.raises(NotApplicable, match=word):
        disgorge(model, digits(15), first(digits(15)), "compressed_retrain")


def test_it_is_registered():
    assert METHODS["compressed_retrain"] is CompressedRetrain
