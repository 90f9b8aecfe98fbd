"""The linearised shift is exact where the model is linear, and follows its formula where it is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from benchmarks.forgetting_order import bench
from disgorge_core import training
from disgorge_core.disgorging import disgorge, facts_for, why_not
from disgorge_core.methods.selective_forgetting import kernel, ntk
from disgorge_core.methods.selective_forgetting.ntk import TangentKernel
from disgorge_core.models.prediction import inputs, logits
from disgorge_core.types import Array, Dataset, ForgetSet, Model, Recipe
from disgorge_core.words import reservation
from tests.curvature.nets import mlp, table, table_model
from tests.influence.fitted import L2, model_with
from tests.influence_data import dataset_of
from tests.methods.small import chosen, digits, first, narrow, sharded

Run = Callable[[Model, Dataset, ForgetSet], Model]
EXACT = {"step": 1.0, "noise": 0.0}


def whole_step(model: Model, data: Dataset, forget: ForgetSet) -> Model:
    return disgorge(model, data, forget, "ntk", settings=EXACT).model


def numbers() -> tuple[Dataset, Array]:
    """Sixty records with values, and inputs with a constant (60, 5)."""
    x, _ = table(60, 4)
    rng = np.random.default_rng(1)
    y = x.to_numpy() @ rng.normal(size=4) + rng.normal(size=60)
    return dataset_of(x, y, task="regression"), np.hstack([x.to_numpy(), np.ones((60, 1))])


def ridge(a: Array, y: Array) -> Array:
    """The weights (5,) that minimise the mean of ½ (a·θ - y)² plus ½ L2 ‖θ‖²."""
    return np.linalg.solve(a.T @ a / len(a) + L2 * np.eye(a.shape[1]), a.T @ y / len(a))


def weights(model: Model) -> Array:
    layer = model.network[0]
    return np.append(layer.weight.detach().numpy()[0], layer.bias.detach().numpy())


def proof(run: Run) -> None:
    """Ridge: from the optimum on all records to the closed-form optimum without F."""
    data, a = numbers()
    model = model_with(torch.as_tensor(ridge(a, data.y))[None], task="regression")
    after = run(model, data, chosen(data, np.arange(9)))
    np.testing.assert_allclose(weights(after), ridge(a[9:], data.y[9:]), rtol=1e-9)


def test_ridge_ends_at_the_closed_form_without_f():
    proof(whole_step)


def test_ridge_leaves_no_nats():
    data, a = numbers()
    model = model_with(torch.as_tensor(ridge(a, data.y))[None], task="regression")
    forget = chosen(data, np.arange(9))
    moved = disgorge(model, data, forget, "ntk", settings={"step": 1.0, "noise": 0.1})
    blurred = disgorge(model, data, forget, "fisher", settings={"strength": 0.1})
    assert blurred.figures["nats remaining"] > 0.01
    assert moved.figures["nats remaining"] < 1e-12
    np.testing.assert_allclose(  # the same noise, around other means
        weights(moved.model) - ridge(a[9:], data.y[9:]), weights(blurred.model) - weights(model)
    )


@pytest.mark.parametrize("through_kernel", [True, False])
def test_records_and_weights_give_the_same_inverse(through_kernel: bool, monkeypatch):
    """Through the kernel (60 rows) or the sum over records (43 weights): the formula, in plain torch."""
    x, y = table(20, 4)
    data, model = dataset_of(x, y), table_model(mlp(), 4, recipe=Recipe(dtype="float64", l2=0.1))
    model = replace(model, lineage=replace(model.lineage, origin="uploaded"))  # starts at 0
    monkeypatch.setattr(kernel, "in_kernel", lambda rows, size: through_kernel)
    found = disgorge(model, data, chosen(data, np.arange(3)), "ntk", settings=EXACT)
    ends = [slow_end(model, data, rows) for rows in (np.arange(3, 20), np.arange(20))]
    theta = torch.cat([p.detach().flatten() for p in model.network.parameters()])
    after = torch.cat([p.detach().flatten() for p in found.model.network.parameters()])
    torch.testing.assert_close(after - theta, ends[0] - ends[1], rtol=1e-7, atol=1e-9)


def slow_end(model: Model, data: Dataset, rows: Array) -> torch.Tensor:
    """δ_M by the formula, with whole matrices, one record and one logit at a time."""
    network, own = model.network, list(model.network.parameters())
    assert model.recipe is not None
    steps = model.recipe.epochs * -(-len(data) // model.recipe.batch)
    stop = 1 / (model.recipe.lr / 2 * steps / (1 - model.recipe.momentum))
    theta = torch.cat([p.detach().flatten() for p in own])
    slope, curved = torch.zeros_like(theta), torch.zeros(len(theta), len(theta)).double()
    for row in rows:
        z = network(inputs(model.members[0], data.take(np.array([row]))))[0]
        lines = [torch.autograd.grad(one, own, retain_graph=True) for one in z]
        j = torch.stack([torch.cat([g.flatten() for g in line]) for line in lines])
        p = z.detach().softmax(0)
        slope += j.T @ (p - functional.one_hot(torch.tensor(data.y[row]), 3))
        curved += j.T @ (torch.diag(p) - p[:, None] * p) @ j
    pull = len(rows) * (0.1 + stop)
    return -torch.linalg.solve(curved + pull * torch.eye(len(theta)).double(), slope + pull * theta)


def right(model: Model, data: Dataset, rows: Array) -> float:
    return float((logits(model, data.x[rows]).argmax(1) == data.y[rows]).mean())


def test_wrong_labels_learnt_by_heart_are_let_go_and_the_rest_is_kept():
    data, rows = digits(15), np.arange(15)
    found = disgorge(narrow(), data, first(data), "ntk")
    assert right(narrow(), data, rows) > 0.7 and right(found.model, data, rows) < 0.3
    assert right(found.model, data, data.rows("train")[15:]) > 0.97
    assert found.figures["validation lost"] <= 0.02


def test_start_weights_are_those_of_the_recipe():
    """Trained for no time at all, the model stands at its start and has nothing to be pulled from."""
    data, model = digits(15), narrow()
    assert model.recipe is not None
    short = replace(model.recipe, lr=1e-8, epochs=1)
    still = training.refit(model, data, data.split == 0, recipe=short)
    found = disgorge(still, data, first(data), "ntk", settings=EXACT)
    assert found.distance < 1e-5


def test_the_order_of_the_published_notebook_on_a_stand_in():
    """Fine-tuning ≈ original, Fisher noise pays accuracy, the kernel ≈ retraining (`stand_in`)."""
    here = bench(0, width=16)
    gone, test = here.forget.mask(here.data), here.data.split == 2

    def wrong(model: Model, rows: Array) -> float:
        return 1 - right(model, here.data, rows)

    def after(name: str, **settings: float) -> Model:
        return disgorge(here.original, here.data, here.forget, name, settings=settings).model

    tuned, blurred = after("finetune", epochs=10, lr=0.01), after("fisher", strength=0.4)
    moved = after("ntk")
    assert wrong(here.retrained, gone) > 0.3 and wrong(here.original, gone) == 0
    assert wrong(tuned, gone) < 0.05
    assert wrong(blurred, test) > wrong(here.retrained, test) + 0.05
    assert abs(wrong(moved, gone) - wrong(here.retrained, gone)) < 0.25
    assert abs(wrong(moved, test) - wrong(here.retrained, test)) < 0.05
    assert here.distance(moved) < 0.7 * min(here.distance(tuned), here.distance(blurred))


def test_a_sample_of_the_kept_records_stands_for_all_where_memory_is_short(monkeypatch):
    """Every kept record is there four times: a sample that holds each once gives the same shift."""
    x, y = table(20, 4)
    rows = [0, 1, 2, *np.repeat(np.arange(3, 20), 4)]
    data = dataset_of(x.iloc[rows].reset_index(drop=True), y[rows])
    model = table_model(mlp(), 4, recipe=Recipe(dtype="float64", l2=0.1))
    forget, some = chosen(data, np.arange(3)), np.isin(np.arange(71), np.arange(3, 71, 4))
    whole = disgorge(model, data, forget, "ntk", settings=EXACT)
    for through_kernel in (True, False):
        monkeypatch.setattr(kernel, "in_kernel", lambda rows, size, way=through_kernel: way)
        monkeypatch.setattr(ntk, "sample_of", lambda context: some)
        found = disgorge(model, data, forget, "ntk", settings=EXACT)
        for a, b in zip(
            found.model.network.parameters(), whole.model.network.parameters(), strict=True
        ):
            torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-10)
        assert reservation("sample", "17 of 68") in found.notes


def test_the_sample_keeps_within_the_limit_and_leaves_nothing_of_f_out(monkeypatch):
    data = digits(15)
    monkeypatch.setattr(kernel, "WIDEST", 500)  # 50 records of ten outputs, 910 weights
    found = disgorge(narrow(), data, first(data), "ntk")
    assert reservation("sample", "35 of 285") in found.notes
    assert found.cost.passes < 10 * 50 + 4 * 300
    assert found.figures["validation lost"] <= 0.02


def test_a_kernel_that_is_too_large_is_refused_with_the_limit(monkeypatch):
    data = digits(15)
    monkeypatch.setattr(kernel, "WIDEST", 290)
    reason = why_not(TangentKernel(), facts_for(narrow(), data, first(data))) or ""
    assert "15 records to remove" in reason and "limit is 290" in reason


def test_where_it_does_not_apply_it_says_why():
    facts = facts_for(sharded(), digits(), first(digits()))
    assert "shards" in (why_not(TangentKernel(), facts) or "")
    bare = replace(narrow(), recipe=None)
    assert "recipe" in (
        why_not(TangentKernel(), facts_for(bare, digits(15), first(digits(15)))) or ""
    )


def test_layers_that_curvature_does_not_cover_are_moved_too():
    x, y = table(40, 4)
    data = dataset_of(x, y)
    net = nn.Sequential(nn.Linear(4, 6), nn.PReLU(), nn.Linear(6, 3))
    model = table_model(net, 4, recipe=Recipe(dtype="float64"), layers=None)
    found = disgorge(model, data, chosen(data, np.arange(4)), "ntk", settings={"step": 1.0})
    assert found.effect == "moved" and found.figures["nats remaining"] > 0
