"""`fit` against a plain loop of torch.optim and nn.Module that shares only the order of batches."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from disgorge_core import training
from disgorge_core.data.preprocessing import fit as fit_preprocessing
from disgorge_core.data.preprocessing import transform
from disgorge_core.training.dropout import mask, seeds_of
from disgorge_core.training.order import epoch_order
from disgorge_core.types import Dataset, Layer, Recipe
from tests.training.small import MLP, TABLE_MLP, digits, distance, some, table

SCHEDULES = {
    "constant": lambda s: 1.0,
    "linear": lambda s: 1 - s,
    "cosine": lambda s: (1 + math.cos(math.pi * s)) / 2,
}


def network_for(layers: tuple[Layer, ...], width: int, seed: int) -> nn.Sequential:
    """Written by hand for the two networks of these tests, with the documented start weights."""
    image = layers is MLP
    net = (
        nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))
        if image
        else nn.Sequential(
            nn.Linear(width, 8), nn.Tanh(), nn.Identity(), nn.LayerNorm(8), nn.Linear(8, 3)
        )
    ).double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for m in net:
            if isinstance(m, nn.Linear):
                bound = 1 / math.sqrt(m.in_features)
                m.weight.uniform_(-bound, bound, generator=generator)
                m.bias.uniform_(-bound, bound, generator=generator)
    return net


def plain_loop(data: Dataset, layers, recipe: Recipe, keep) -> nn.Sequential:
    rows = np.flatnonzero(keep & (data.split == 0))
    x = torch.from_numpy(transform(fit_preprocessing(data, rows), data.take(rows), "float64"))
    y, keys = torch.from_numpy(data.y[rows]), data.keys[rows]
    net = network_for(layers, x.shape[-1], recipe.seed)
    settings = {"lr": recipe.lr, "weight_decay": recipe.l2}
    optimiser = (
        torch.optim.SGD(net.parameters(), momentum=recipe.momentum, **settings)
        if recipe.optimiser == "sgd"
        else torch.optim.Adam(net.parameters(), betas=(recipe.momentum, 0.999), **settings)
    )
    steps = recipe.epochs * math.ceil(len(rows) / recipe.batch)
    falls = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: SCHEDULES[recipe.schedule](step / steps)
    )
    for epoch in range(recipe.epochs):
        order = epoch_order(keys, recipe.seed, epoch)
        for start in range(0, len(rows), recipe.batch):
            part = order[start : start + recipe.batch]
            h = x[part]
            for module in net:
                h = module(h)
                if isinstance(module, nn.Identity):
                    salts = seeds_of(recipe.seed, epoch)
                    h = h * torch.from_numpy(mask(keys[part], salts, 0, 8, 0.25))
            optimiser.zero_grad()
            nn.functional.cross_entropy(h, y[part]).backward()
            optimiser.step()
            falls.step()
    return net


def gap(a: nn.Module, b: nn.Module) -> float:
    pairs = zip(a.parameters(), b.parameters(), strict=True)
    return max(float((x - y).detach().abs().max()) for x, y in pairs)


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
@pytest.mark.parametrize("schedule", list(SCHEDULES))
@pytest.mark.parametrize("make", [digits, table])
def test_fit_equals_a_plain_torch_loop(optimiser, schedule, make):
    data = make()
    layers = MLP if make is digits else TABLE_MLP
    recipe = Recipe(
        epochs=12, lr=0.05 if optimiser == "sgd" else 0.01, batch=16, optimiser=optimiser,
        schedule=schedule, l2=1e-3, seed=4, dtype="float64",
    )  # fmt: skip
    keep = some(data, 0.8, 1)
    expected = plain_loop(data, layers, recipe, keep)
    found = training.fit(data, layers, recipe, exclude=~keep).network
    assert gap(found, expected) <= 1e-9
    assert distance(found, training.fit(data, layers, recipe).network) > 1e-3


@pytest.mark.parametrize(("momentum", "l2"), [(0.0, 0.0), (0.0, 0.1), (0.9, 0.0)])
def test_momentum_and_l2_may_be_zero(momentum, l2):
    data = digits(60)
    recipe = Recipe(epochs=3, lr=0.05, batch=16, momentum=momentum, l2=l2, dtype="float64")
    keep = np.ones(60, dtype=bool)
    expected = plain_loop(data, MLP, recipe, keep)
    found = training.fit(data, MLP, recipe).network
    assert gap(found, expected) <= 1e-12


def test_regression_minimises_half_the_squared_error():
    """Full batches of a linear model without L2 come down to numpy's least squares."""
    data = table(task="regression")
    recipe = Recipe(epochs=500, lr=0.3, batch=1000, schedule="constant", dtype="float64")
    model = training.fit(data, "linear", recipe)
    x, y = data.arrays("train")
    z = transform(model.preprocessing, x, "float64")
    design = np.hstack([z, np.ones((len(z), 1))])
    best = design @ np.linalg.lstsq(design, y, rcond=None)[0]
    with torch.no_grad():
        fitted = model.network(torch.from_numpy(z))[:, 0].numpy()
    assert np.abs(fitted - best).max() < 1e-6
