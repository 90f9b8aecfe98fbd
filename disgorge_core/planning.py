"""Prices before anything runs: of methods on an ordinary task, and of a training.

The ordinary task: 10 of 1,000 records are to be removed from a small network of two layers that was
trained for 20 epochs, or from a ridge model where a method needs one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from disgorge_core import training
from disgorge_core.data import preprocessing
from disgorge_core.disgorging import TIMED, training_seconds
from disgorge_core.methods.contract import Facts, Method
from disgorge_core.models.layers import build
from disgorge_core.params import make
from disgorge_core.registry import ARCHITECTURES, METHODS
from disgorge_core.types import (
    Dataset,
    Layer,
    Lineage,
    Member,
    Model,
    Recipe,
    Roles,
)

RECORDS, REMOVED, COLUMNS = 1000, 10, 8


@cache
def typical_prices() -> dict[str, float]:
    """Each method's cost on the ordinary task, as a share of one full training."""
    data = _records()
    ridge = training.fit(data, "ridge", Recipe(l2=0.01))
    tasks = [_facts(data, _network(data)), _facts(data, ridge)]
    return {kind.name: _price(kind(), tasks) for kind in METHODS.values()}


def _price(method: Method, tasks: Sequence[Facts]) -> float:
    """The price on the first task that the method applies to, else on the first of all."""
    fits = (facts for facts in tasks if method.why_not(facts) is None)
    return method.price(next(fits, tasks[0]))


def _facts(data: Dataset, model: Model) -> Facts:
    forget = np.arange(RECORDS) < REMOVED
    return Facts(model, data, forget, ~forget, np.zeros(0, dtype=np.int64))


def _records() -> Dataset:
    names = [f"x{i}" for i in range(COLUMNS)]
    draw, y = np.random.default_rng(0), np.arange(RECORDS) % 2
    return Dataset(
        name="ordinary task", kind="table", task="classification",
        ids=np.arange(RECORDS).astype(str),
        x=pd.DataFrame(draw.normal(size=(RECORDS, COLUMNS)), columns=names),
        y=y, classes=("0", "1"), split=np.zeros(RECORDS, dtype=np.int8),
        meta=pd.DataFrame({"label": y}), roles=Roles(), digest="",
    )  # fmt: skip


def _network(data: Dataset) -> Model:
    layers = (
        Layer("linear", "hidden", {"inputs": COLUMNS, "outputs": 32}),
        Layer("relu"),
        Layer("linear", "head", {"inputs": 32, "outputs": 2}),
    )
    member = Member(build(layers), preprocessing.fixed_numbers([str(c) for c in data.x.columns]))
    lineage = Lineage("trained here", "known")
    return Model(
        "ordinary task", (member,), data.classes, "classification", lineage, layers, Recipe(),
        seen=tuple(map(str, data.ids)),
    )  # fmt: skip


# --- what a training costs ----------------------------------------------------------------------


@dataclass(frozen=True)
class Price:
    """A forecast: record-passes, seconds on this machine, numbers kept, forward passes for an answer."""

    passes: float
    seconds: float
    parameters: int
    inference: float


def training_price(
    data: Dataset,
    architecture: str,
    settings: Mapping[str, Any],
    recipe: Mapping[str, Any],
    regime: Mapping[str, Any],
) -> Price:
    """What training would cost; raises BadModel, BadParam for settings that do not fit the data."""
    chosen, rows = make(Recipe, recipe), data.rows("train")
    item = make(ARCHITECTURES[architecture], settings)
    fitted = preprocessing.fit(data, rows if data.kind == "text" else rows[:TIMED])
    shape = preprocessing.input_shape(fitted, data.shape)
    network = build(item.layers(shape, max(1, len(data.classes))))
    solved = hasattr(item, "solve")
    way = None if solved else training.regime_from(regime or {"name": "plain"})
    burden = way.burden(data, len(rows), chosen) if way else training.Burden(float(len(rows)))
    x = data.take(rows[:TIMED])
    epochs = 1 if solved else chosen.epochs
    seconds = training_seconds(Member(network, fitted), x, len(rows), epochs, chosen.batch)
    seconds *= burden.passes / (epochs * max(1, len(rows)))
    count = sum(p.numel() for p in network.parameters()) * burden.storage
    return Price(burden.passes, seconds, round(count), burden.inference)
