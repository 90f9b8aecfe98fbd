"""A Newton step ends at the optimum on R where the loss is quadratic, and near it where it is convex."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from torch import nn

from disgorge_core import metrics
from disgorge_core.disgorging import disgorge, facts_for, why_not
from disgorge_core.methods.selective_forgetting.newton import HEAD_ONLY, Newton
from disgorge_core.models.prediction import logits
from disgorge_core.types import Dataset, ForgetSet, Model
from tests.curvature.nets import table, table_model
from tests.influence.fitted import L2, logistic, model_with
from tests.influence_data import dataset_of
from tests.methods.small import chosen, digits, first, linear, plain, sharded

Run = Callable[[Model, Dataset, ForgetSet], Model]


def newton(model: Model, data: Dataset, forget: ForgetSet) -> Model:
    return disgorge(model, data, forget, "newton").model


def objective(model: Model, data: Dataset, rows, l2: float) -> float:
    loss = metrics.nll(logits(model, data.take(rows)), data.y[rows]).mean()
    size = sum(float(p.detach().double().square().sum()) for p in model.network.parameters())
    return float(loss + l2 / 2 * size)


def proof(run: Run) -> None:
    """It nearly reaches the least objective on R, which short fine-tuning does not."""
    data, model = digits(15), linear()
    forget, rows = first(data), data.rows("train")[15:]
    x = model.preprocessing
    z = (data.x[rows].astype(float) - x.shift) * x.scale
    table_of = pd.DataFrame(z.reshape(len(rows), -1))
    best = model_with(logistic(table_of, data.y[rows], 10, l2=1e-2))
    kept = dataset_of(table_of.rename(columns=lambda c: f"c{c}"), data.y[rows])
    least = objective(best, kept, np.arange(len(rows)), 1e-2)
    start = objective(model, data, rows, 1e-2) - least
    assert objective(run(model, data, forget), data, rows, 1e-2) - least < 0.3 * start


def test_it_nearly_reaches_the_optimum_of_a_convex_fit():
    proof(newton)


def test_linear_regression_ends_at_the_closed_form():
    x, _ = table(60, 4)
    rng = np.random.default_rng(1)
    y = x.to_numpy() @ rng.normal(size=4) + rng.normal(size=60)
    data = dataset_of(x, y, task="regression")
    start = torch.as_tensor(rng.normal(size=(1, 5)))  # anywhere: the step is exact from everywhere
    model = model_with(start, task="regression")
    found = disgorge(model, data, chosen(data, np.arange(9)), "newton", settings={"step": 1.0})
    a = np.hstack([x.to_numpy()[9:], np.ones((51, 1))])
    wanted = np.linalg.solve(a.T @ a / 51 + L2 * np.eye(5), a.T @ y[9:] / 51)
    layer = found.model.network[0]
    np.testing.assert_allclose(layer.weight.detach()[0], wanted[:4], rtol=1e-8)
    np.testing.assert_allclose(layer.bias.detach()[0], wanted[4], rtol=1e-8)
    assert found.effect == "moved" and found.cost.passes == 102


def test_logistic_regression_lands_much_closer_to_the_retrained_optimum():
    x, y = table(80, 4, 3)
    data = dataset_of(x, y)
    full, kept = logistic(x, y, 3), logistic(x[8:], y[8:], 3)
    found = disgorge(
        model_with(full), data, chosen(data, np.arange(8)), "newton", settings={"step": 1.0}
    )
    layer = found.model.network[0]
    after = torch.cat([layer.weight, layer.bias[:, None]], 1).detach()
    assert (after - kept).norm() < 0.1 * (full - kept).norm()


def test_deeper_networks_move_in_their_head_and_say_so():
    found = disgorge(plain(15), digits(15), first(digits(15)), "newton")
    old, new = found.before.network.state_dict(), found.model.network.state_dict()
    assert {k for k in old if not torch.equal(old[k], new[k])} == {"head.weight", "head.bias"}
    assert HEAD_ONLY in found.notes
    assert found.figures["validation lost"] <= 0.02


def test_where_it_does_not_apply_it_says_why():
    facts = facts_for(sharded(), digits(), first(digits()))
    assert "shards" in (why_not(Newton(), facts) or "")
    wide = table_model(nn.Sequential(nn.Linear(4, 6000)), 4, classes=6000, recipe=linear().recipe)
    data = dataset_of(*table(20, 4))
    facts = facts_for(replace(wide, layers=()), data, chosen(data, np.arange(3)))
    assert "too large" in (why_not(Newton(), facts) or "")
