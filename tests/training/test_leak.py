"""Anything fitted to data is part of the fit: what only F holds leaves no trace in a model without F."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from disgorge_core import training
from disgorge_core.errors import BadModel
from disgorge_core.regimes.sharded import Sharded
from disgorge_core.types import Dataset, Recipe
from tests.training.small import MLP, TABLE_MLP, at, digits, distance, same, table

RECIPE = Recipe(epochs=4, lr=0.02, batch=16, l2=1e-3)
FORGET = np.array([1, 2, 6, 20, 21, 40])


class Normed(nn.Module):
    """A wrapped network with batch norm, which keeps statistics of what it is trained on."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 10)

    def forward(self, x):
        return self.head(self.norm(self.conv(x)).relu().mean((2, 3)))


def planted_table() -> Dataset:
    data = table()
    x = data.x.copy()
    x.loc[FORGET, "town"] = "atlantis"
    x.loc[FORGET, "age"] = 1e9
    return replace(data, x=x)


def planted_pictures() -> Dataset:
    data = digits(80)
    x = data.x.copy()
    x[FORGET] = 255
    y = np.where(np.isin(np.arange(80), FORGET), 9, data.y % 9)  # class 9 is in F only
    return replace(data, x=x, y=y)


CASES = {
    "table, mlp": (planted_table, TABLE_MLP, {}),
    "table, ridge": (planted_table, "ridge", {}),
    "table, nearest mean": (planted_table, "nearest_mean", {}),
    "table, shards": (planted_table, TABLE_MLP, {"regime": Sharded(3)}),
    "table, slices": (planted_table, TABLE_MLP, {"regime": Sharded(2, slices=3)}),
    "pictures, mlp": (planted_pictures, MLP, {}),
    "pictures, cnn": (planted_pictures, "cnn", {"settings": {"width": 4}}),
    "pictures, batch norm": (planted_pictures, Normed(), {}),
    "pictures, ridge": (planted_pictures, "ridge", {}),
    "pictures, shards": (planted_pictures, MLP, {"regime": Sharded(3)}),
    "pictures, slices": (planted_pictures, Normed(), {"regime": Sharded(2, slices=2)}),
}


@pytest.mark.parametrize("case", list(CASES))
def test_a_fit_without_f_is_the_fit_of_data_that_never_held_f(case):
    make, architecture, extra = CASES[case]
    data = make()
    forget = np.isin(np.arange(len(data)), FORGET)
    never = at(data, np.flatnonzero(~forget))
    without = training.fit(data, architecture, RECIPE, exclude=forget, **extra)
    assert same(without, training.fit(never, architecture, RECIPE, **extra))
    assert not same(without, training.fit(data, architecture, RECIPE, **extra))
    assert "atlantis" not in repr([member.preprocessing for member in without.members])
    assert not set(without.seen) & set(data.ids[forget])


@pytest.mark.parametrize("case", list(CASES))
def test_the_order_of_the_file_plays_no_part(case):
    make, architecture, extra = CASES[case]
    data = make()
    shuffled = at(data, np.random.default_rng(0).permutation(len(data)))
    a, b = (training.fit(d, architecture, RECIPE, **extra) for d in (data, shuffled))
    assert same(a, b)


@pytest.mark.parametrize(("make", "layers"), [(planted_table, TABLE_MLP), (planted_pictures, MLP)])
def test_a_neighbour_in_the_stack_that_saw_f_leaves_no_trace(make, layers):
    data = make()
    forget = np.isin(np.arange(len(data)), FORGET)
    recipe = replace(RECIPE, dtype="float64")
    stack = training.fit_many(data, layers, recipe, np.stack([~forget, forget | True]), [0, 0])
    single = training.fit(data, layers, recipe, exclude=forget)
    assert stack.models[0].preprocessing.columns == single.preprocessing.columns
    assert np.array_equal(stack.models[0].preprocessing.shift, single.preprocessing.shift)
    assert distance(stack.models[0].network, single.network) <= 1e-9


def test_refit_forgets_all_that_the_model_had_fitted():
    data = planted_table()
    forget = np.isin(np.arange(len(data)), FORGET)
    full = training.fit(data, TABLE_MLP, RECIPE, name="full")
    again = training.refit(full, data, ~forget)
    assert same(again, training.fit(data, TABLE_MLP, RECIPE, exclude=forget))
    assert again.name == "full"


def test_preprocessing_stated_in_advance_stays():
    data = planted_table()
    full = training.fit(data, TABLE_MLP, RECIPE)
    stated = replace(full.preprocessing, fitted=False)
    fixed = replace(full, members=(replace(full.members[0], preprocessing=stated),))
    forget = np.isin(np.arange(len(data)), FORGET)
    assert training.refit(fixed, data, ~forget).preprocessing is stated


def test_a_wrapped_module_is_redrawn_or_refused():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1))

    data = digits(40)
    with pytest.raises(BadModel, match="cannot be drawn afresh"):
        training.fit(data, nn.Sequential(nn.Flatten(), Own(), nn.Linear(64, 10)), RECIPE)
