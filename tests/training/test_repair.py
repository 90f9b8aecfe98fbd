from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from disgorge_core import training
from disgorge_core.errors import Cancelled, Diverged
from disgorge_core.regimes.sharded import Sharded
from disgorge_core.types import Recipe
from tests.training.small import MLP, TABLE_MLP, digits, distance, same, table

RECIPE = Recipe(epochs=3, lr=0.05, batch=16, schedule="constant", dtype="float64")


def usual(network, batch):
    return cross_entropy(network(batch.x), batch.y)


def further(model, data, **changes):
    settings = {"objective": usual, "epochs": 2, "lr": 0.05, "batch": 16, "seed": 3, **changes}
    return training.continue_training(model, data, data.rows("train"), **settings)


@pytest.mark.parametrize(("make", "layers"), [(digits, MLP), (table, TABLE_MLP)])
def test_the_usual_objective_is_a_fit_from_these_weights(make, layers):
    data = make()
    base = training.fit(data, layers, RECIPE)
    before = base.digest
    recipe = replace(RECIPE, epochs=2, seed=3)
    again = training.fit(data, layers, recipe, start=base)
    assert distance(further(base, data).network, again.network) <= 1e-9
    assert type(base).digest.func(base) == before and distance(again.network, base.network) > 1e-3


def test_rows_only():
    data = digits()
    base, rows, met = training.fit(data, MLP, RECIPE), np.array([4, 9, 30]), []

    def watch(network, batch):
        met.extend(batch.rows.tolist())
        return usual(network, batch)

    training.continue_training(base, data, rows, objective=watch, epochs=2, lr=0.1, batch=2, seed=0)
    assert sorted(met) == [4, 4, 9, 9, 30, 30]


def test_masked_weights_hold():
    data = digits()
    base = training.fit(data, MLP, RECIPE)
    mask = torch.zeros_like(base.network.hidden.weight)
    mask[0] = 1
    moved = further(base, data, movable={"hidden.weight": mask}).network.hidden.weight
    assert torch.equal(moved[1:], base.network.hidden.weight[1:])
    assert not torch.equal(moved[0], base.network.hidden.weight[0])


def test_all_shards_are_repaired():
    data = digits()
    base = training.fit(data, MLP, RECIPE, regime=Sharded(3))
    after = further(base, data)
    assert all(
        distance(a.network, b.network) > 0 for a, b in zip(after.members, base.members, strict=True)
    )
    assert same(further(base, data), after)


def test_divergence_and_cancel():
    data = digits(60)
    base = training.fit(data, MLP, RECIPE)

    def stop(_):
        raise Cancelled("You stopped the work.")

    with pytest.raises(Diverged):
        further(base, data, objective=lambda n, b: -1e300 * usual(n, b) ** 9, lr=1e30)
    with pytest.raises(Cancelled):
        further(base, data, report=stop)


def test_buffers_stay_until_they_are_estimated_anew():
    data = digits()
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10)
    )
    base = training.fit(data, net, replace(RECIPE, batch=12))
    after = further(base, data)
    assert torch.equal(after.network[1].running_mean, base.network[1].running_mean)
    rows = data.rows("train")[:50]
    fresh = training.refresh_buffers(after, data, rows)
    pixels = (data.x[rows, ..., 0] - after.preprocessing.shift) * after.preprocessing.scale
    with torch.no_grad():
        maps = after.network[0](torch.from_numpy(pixels)[:, None])
    assert torch.allclose(fresh.network[1].running_mean, maps.mean((0, 2, 3)))
    assert torch.allclose(fresh.network[1].running_var, maps.var((0, 2, 3)))
    assert fresh.network[1].momentum == base.network[1].momentum
    assert not torch.equal(fresh.network[1].running_mean, after.network[1].running_mean)
