"""Engines and methods on a residual network, beside the same network in plain torch."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from torch import nn

from disgorge_core import disgorging, features, training, verbs
from disgorge_core.curvature import mean_gradient
from disgorge_core.data.preprocessing import fixed_pixels
from disgorge_core.models.blueprint import layers_from_plain, network_of, own_names
from disgorge_core.models.layers import state_as_it_came
from disgorge_core.models.prediction import logits
from disgorge_core.registry import VIEWS
from disgorge_core.training.order import epoch_order
from disgorge_core.types import Lineage, Member, Model, Recipe
from tests.methods.small import chosen, digits
from tests.models.residual_nets import ResNet, batch_norm, group_norm, layer_list, made

NORMS = {"batchnorm2d": batch_norm, "groupnorm": group_norm}
DATA = digits(parts=(120, 20, 20))
TRAIN = DATA.rows("train")
RECIPE = Recipe(epochs=3, lr=0.05, batch=32, seed=5, dtype="float64")


@cache
def uploaded(norm: str) -> Model:
    layers = layers_from_plain(layer_list(norm))
    network = network_of(layers, own_names(layers, made(ResNet(NORMS[norm])).state_dict()))
    return Model(
        "resnet", (Member(network.double(), fixed_pixels(1)),), DATA.classes, DATA.task,
        Lineage("uploaded", "stated"), layers, RECIPE, seen=tuple(sorted(map(str, DATA.ids[TRAIN]))),
    )  # fmt: skip


@cache
def trained(norm: str) -> Model:
    """Three epochs on from the uploaded weights."""
    start = uploaded(norm)
    return training.refit(start, DATA, np.ones(len(DATA), bool), start=start)


def pixels(rows: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(DATA.x[rows].astype(np.float64) / 255).permute(0, 3, 1, 2)


def in_torch(model: Model, norm: str) -> nn.Module:
    """The plain class with the model's weights."""
    network = ResNet(NORMS[norm]).double()
    network.load_state_dict(state_as_it_came(model.layers, model.network))
    return network.eval()


@pytest.mark.parametrize("norm", NORMS)
def test_training_is_a_plain_torch_loop_over_the_plain_class(norm: str) -> None:
    network = in_torch(uploaded(norm), norm).train()
    optimiser = torch.optim.SGD(network.parameters(), RECIPE.lr, RECIPE.momentum)
    steps, step = RECIPE.epochs * math.ceil(len(TRAIN) / RECIPE.batch), 0
    for epoch in range(RECIPE.epochs):
        order = TRAIN[epoch_order(DATA.keys[TRAIN], RECIPE.seed, epoch)]
        for start in range(0, len(order), RECIPE.batch):
            rows = order[start : start + RECIPE.batch]
            optimiser.param_groups[0]["lr"] = RECIPE.lr * (1 + math.cos(math.pi * step / steps)) / 2
            optimiser.zero_grad()
            nn.functional.cross_entropy(
                network(pixels(rows)), torch.tensor(DATA.y[rows])
            ).backward()
            optimiser.step()
            step += 1
    network.eval()
    with torch.no_grad():
        expected = network(pixels(np.arange(len(DATA)))).numpy()
    assert np.abs(logits(trained(norm), DATA.x) - expected).max() < 1e-9
    assert np.abs(logits(uploaded(norm), DATA.x) - expected).max() > 0.1


@pytest.mark.parametrize("norm", NORMS)
def test_processes_give_the_bits_of_one_training(norm: str) -> None:
    keep = np.ones((2, len(DATA)), bool)
    keep[1, TRAIN[:10]] = False
    short = replace(RECIPE, epochs=1, dtype="float32")
    many = training.refit_many(uploaded(norm), DATA, keep, [7, 8], recipe=short, workers=2)
    alone = training.refit(uploaded(norm), DATA, keep[1], recipe=short, seed=8)
    assert many.models[1].digest == alone.digest


@pytest.mark.parametrize("norm", NORMS)
def test_gradients_through_the_blocks_are_those_of_autograd(norm: str) -> None:
    model = trained(norm)
    found = mean_gradient(model, DATA.x[TRAIN], DATA.y[TRAIN], 0.0)
    network = in_torch(model, norm)
    nn.functional.cross_entropy(network(pixels(TRAIN)), torch.tensor(DATA.y[TRAIN])).backward()
    own = {name: p.grad for name, p in network.named_parameters()}
    mine = state_as_it_came(model.layers, model.network)
    assert set(own) <= set(mine)
    for (key, value), name in zip(found.items(), own, strict=True):
        assert torch.allclose(value, own[name], atol=1e-10), key


@pytest.mark.parametrize("method", ["retrain", "newton", "finetune", "influence_step"])
def test_methods_move_the_model(method: str) -> None:
    norm = "groupnorm" if method == "influence_step" else "batchnorm2d"
    forget = chosen(DATA, TRAIN[:8])
    settings = {"epochs": 1} if method == "finetune" else {}
    outcome = disgorging.disgorge(trained(norm), DATA, forget, method, settings=settings)
    assert outcome.effect == "moved"
    assert np.isfinite(logits(outcome.model, DATA.x)).all()
    if method == "retrain":
        assert not set(outcome.model.seen or ()) & set(forget.ids)
        assert (
            in_torch(outcome.model, norm) is not None
        )  # and it still goes back to the plain class


def test_influence_scores_every_pair() -> None:
    scores = verbs.influence(trained("groupnorm"), DATA, np.array([130, 140, 150]))
    assert scores.matrix.shape == (120, 3)
    assert np.isfinite(scores.matrix).all()
    assert len(np.unique(scores.matrix)) > 300


def test_a_deep_list_with_blocks_is_not_taken_for_a_convex_model() -> None:
    assert not disgorging.is_convex(trained("groupnorm"))


def test_features_and_views_see_the_blocks() -> None:
    model = trained("groupnorm")
    inner = "layer2__0.layers.conv1"
    assert inner in features.layer_names(model)
    assert features.activations(model, DATA.x[:5], inner).shape == (5, 8 * 4 * 4)
    last = torch.from_numpy(features.activations(model, DATA.x[:5])).double()
    with torch.no_grad():
        again = model.network.fc(last).numpy()
    assert np.allclose(again, logits(model, DATA.x[:5]), atol=1e-5)
    for view in VIEWS.values():
        maps = view().attribute(model, DATA.x[:2], DATA.y[:2])
        assert maps.shape == (2, 8, 8)
        assert np.abs(maps).max() > 0
