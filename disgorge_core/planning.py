"""What methods cost on an ordinary task, for choosing a family before there is a case.

The ordinary task: 10 of 1,000 records are to be removed from a small network of two layers that was
trained for 20 epochs, plainly or, for methods that need it, in five shards.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from disgorge_core.data import preprocessing
from disgorge_core.methods.contract import Facts
from disgorge_core.models.layers import build
from disgorge_core.registry import METHODS
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
    facts = _ordinary()
    return {kind.name: kind().price(facts) for kind in METHODS.values()}


def _ordinary() -> Facts:
    data = _records()
    forget = np.arange(RECORDS) < REMOVED
    return Facts(_network(data), data, forget, ~forget, np.zeros(0, dtype=np.int64))


def _records() -> Dataset:
    names = [f"x{i}" for i in range(COLUMNS)]
    y = np.arange(RECORDS) % 2
    return Dataset(
        name="ordinary task", kind="table", task="classification",
        ids=np.arange(RECORDS).astype(str), x=pd.DataFrame(np.zeros((RECORDS, COLUMNS)), columns=names),
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
