"""Small benches of real models: digits with wrong labels, which a tiny network learns by heart."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import torch

from disgorge_core import training
from disgorge_core.audit.bench import Bench
from disgorge_core.auditing import Beside, Pair, lay
from disgorge_core.types import Array, ForgetSet, Marks, Model
from tests.methods.small import LAYERS, RECIPE, chosen, digits

WRONG, SEVEN = 20, 7
HARD = replace(RECIPE, epochs=20, lr=0.1, batch=20)


@cache
def gone(what: str) -> ForgetSet:
    """The records with wrong labels, or all sevens."""
    data = digits(WRONG)
    rows = data.rows("train")
    rows = rows[:WRONG] if what == "wrong" else rows[WRONG:][data.y[rows[WRONG:]] == SEVEN]
    return chosen(data, rows)


@cache
def models(what: str, count: int, excluded: bool, first: int) -> tuple[Model, ...]:
    """Models trained with everything, or without the records that go."""
    data = digits(WRONG)
    keep = np.ones(len(data), bool)
    if excluded:
        keep &= ~gone(what).mask(data)
    seeds = range(first, first + count)
    plan = training.fit_many(data, LAYERS, HARD, np.repeat(keep[None], count, 0), list(seeds))
    return plan.models


def bench(after: Model | None, what: str = "wrong", references: int = 21, twins: int = 4) -> Bench:
    """The bench of a removal; `after=None` puts one more reference in the method's place."""
    data = digits(WRONG)
    before = models(what, 1, False, 1)[0]
    beside = Beside(
        models(what, 21, True, 100)[:references], models(what, 4, False, 200)[:twins],
        control=models(what, 1, True, 300)[0],
    )  # fmt: skip
    pair = Pair(before, after or models(what, 1, True, 400)[0], data, gone(what))
    return lay(pair, beside, Marks())[0]


def ascended(what: str = "wrong", steps: int = 25, lr: float = 0.02) -> Model:
    """The original after steps up the loss of the records that go, which it then answers otherwise."""
    data, before = digits(WRONG), models(what, 1, False, 1)[0]

    def up(network: torch.nn.Module, batch: training.Batch) -> torch.Tensor:
        return -torch.nn.functional.cross_entropy(network(batch.x), batch.y)

    rows = np.flatnonzero(gone(what).mask(data))
    return training.continue_training(
        before, data, rows, objective=up, epochs=steps, lr=lr, batch=len(rows), momentum=0.0
    )


def accuracy(model: Model, rows: Array) -> float:
    """Share of these rows that the model answers by their label."""
    from disgorge_core.models.prediction import logits

    data = digits(WRONG)
    return float((logits(model, data.take(rows)).argmax(1) == data.y[rows]).mean())
