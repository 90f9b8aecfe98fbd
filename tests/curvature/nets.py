"""Small models made by hand: a network, its preprocessing and random records."""

import numpy as np
import pandas as pd
import torch
from torch import nn

from disgorge_core.data.preprocessing import fixed_numbers, fixed_pixels
from disgorge_core.types import Lineage, Member, Model, Recipe


def table_model(network, columns, classes=3, task="classification", dtype=torch.float64, **more):
    names = tuple(map(str, range(classes))) if task == "classification" else ()
    member = Member(network.to(dtype), fixed_numbers([f"c{i}" for i in range(columns)]))
    return Model("small", (member,), names, task, Lineage("trained here"), **more)


def image_model(network, channels, classes=3, dtype=torch.float64):
    member = Member(network.to(dtype), fixed_pixels(channels))
    return Model(
        "small",
        (member,),
        tuple(map(str, range(classes))),
        "classification",
        Lineage("trained here"),
    )


def table(n, columns, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    x = pd.DataFrame(rng.normal(size=(n, columns)), columns=[f"c{i}" for i in range(columns)])
    return x, rng.integers(0, classes, n)


def pictures(n, side, channels, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, side, side, channels), dtype=np.uint8), rng.integers(
        0, classes, n
    )


def seeded(make):
    torch.manual_seed(3)
    return make()


def mlp(columns=4, hidden=5, classes=3):
    return seeded(
        lambda: nn.Sequential(nn.Linear(columns, hidden), nn.Tanh(), nn.Linear(hidden, classes))
    )


def head_only(recipe_l2=0.1):
    return Recipe(trainable="head", l2=recipe_l2)
