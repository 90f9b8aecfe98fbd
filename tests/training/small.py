"""Small datasets: real digits, and a table of numbers and categories with gaps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from sklearn.datasets import load_digits
from torch import nn

from disgorge_core.types import Array, Dataset, Layer, Model, Roles

MLP = (
    Layer("flatten"),
    Layer("linear", "hidden", {"inputs": 64, "outputs": 16}),
    Layer("relu"),
    Layer("linear", "head", {"inputs": 16, "outputs": 10}),
)
TABLE_MLP = (
    Layer("linear", "hidden", {"inputs": 1, "outputs": 8}),
    Layer("tanh"),
    Layer("dropout", options={"p": 0.25}),
    Layer("layernorm", "norm", {"channels": 8}),
    Layer("linear", "head", {"inputs": 8, "outputs": 3}),
)


def dataset(x, y, kind: str, task: str = "classification", classes: int = 10) -> Dataset:
    n = len(y)
    names = tuple(f"class {c}" for c in range(classes)) if task == "classification" else ()
    return Dataset(
        name="small", kind=kind, task=task, ids=np.array([f"r{i:04d}" for i in range(n)]),
        x=x, y=y, classes=names, split=np.where(np.arange(n) % 6 == 5, 2, 0),
        meta=pd.DataFrame({"label": y}), roles=Roles(), digest=f"{kind} {task} {n}",
    )  # fmt: skip


def digits(n: int = 150) -> Dataset:
    bunch = load_digits()
    pictures = bunch.images[:n].astype(np.uint8)[..., None] * 15
    return dataset(pictures, bunch.target[:n].astype(np.int64), "image")


def table(n: int = 120, task: str = "classification", seed: int = 0) -> Dataset:
    """Two numbers (one with gaps), two categories (one with gaps); the last value is rare."""
    rng = np.random.default_rng(seed)
    age, income = rng.normal(40, 12, n), rng.lognormal(2, 0.7, n)
    work = np.array(["clerk", "farmer", "smith"], dtype=object)[rng.integers(0, 3, n)]
    town = np.array(["north", "south"], dtype=object)[rng.integers(0, 2, n)]
    score = age / 12 + (work == "smith") - 0.3 * np.log(income) + rng.normal(0, 0.3, n)
    work[[3, 8]] = "potter"
    income[rng.random(n) < 0.15] = np.nan
    town[rng.random(n) < 0.1] = None
    x = pd.DataFrame({"age": age, "work": work, "income": income, "town": town})
    if task == "regression":
        return dataset(x, score, "table", task)
    return dataset(x, np.digitize(score, [3.0, 4.0]).astype(np.int64), "table", task, 3)


def at(data: Dataset, rows: Array) -> Dataset:
    """A dataset of these rows, in this order, under their own ids."""
    return replace(
        data, ids=data.ids[rows], x=data.take(rows), y=data.y[rows], split=data.split[rows],
        meta=data.meta.iloc[rows].reset_index(drop=True), digest="other",
    )  # fmt: skip


def some(data: Dataset, share: float, seed: int) -> Array:
    """Bool (n,): a random part of the records."""
    return np.random.default_rng(seed).random(len(data)) < share


def distance(a: nn.Module, b: nn.Module) -> float:
    """Largest difference between the weights of two networks of one shape."""
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return max(float((x.double() - y.double()).abs().max()) for x, y in pairs)


def same(a: Model, b: Model) -> bool:
    """Bitwise the same weights, buffers, preprocessing and artefacts, on the same records."""
    return a.digest == b.digest and a.seen == b.seen and len(a.members) == len(b.members)


def finite(model: Model) -> bool:
    return all(bool(torch.isfinite(v).all()) for v in model.network.state_dict().values())
