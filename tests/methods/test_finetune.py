"""Fine-tuning is plain SGD on R, chosen on the validation records, and F plays no part in it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from disgorge_core import metrics, training
from disgorge_core.disgorging import applicable, disgorge
from disgorge_core.models.prediction import inputs, logits
from disgorge_core.types import Dataset, ForgetSet, Layer, Model, Recipe
from disgorge_core.words import RESERVATIONS
from tests.methods.small import LAYERS, RECIPE, digits, first, plain, same_weights, sharded

Run = Callable[[Model, Dataset, ForgetSet], Model]


def finetune(model: Model, data: Dataset, forget: ForgetSet) -> Model:
    return disgorge(model, data, forget, "finetune").model


def proof(run: Run) -> None:
    data = digits(15)
    forget = first(data)
    after = run(plain(15), data, forget)
    kept = data.rows("train")[15:]
    before, now = (
        metrics.nll(logits(m, data.x[kept]), data.y[kept]).mean() for m in (plain(15), after)
    )
    assert now < before
    x, y = data.x.copy(), data.y.copy()
    x[:15], y[:15] = 0, 0
    assert same_weights(run(plain(15), replace(data, x=x, y=y), forget), after)


def test_it_learns_r_and_never_reads_f():
    proof(finetune)


def test_whole_batch_steps_are_torchs_sgd():
    data = digits(15)
    settings = {"lr": 0.02, "epochs": 4, "batch": 1000}
    found = disgorge(plain(15), data, first(data), "finetune", settings=settings).model
    network = copy.deepcopy(plain(15).network)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.02, momentum=0.9)
    rows = data.rows("train")[15:]
    x, y = inputs(plain(15).members[0], data.x[rows]), torch.from_numpy(data.y[rows])
    for _ in range(4):
        optimiser.zero_grad()
        functional.cross_entropy(network(x), y).backward()
        optimiser.step()
    for ours, theirs in zip(found.network.parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def test_the_step_is_the_largest_that_the_guard_allows():
    data = digits(15)
    found = disgorge(plain(15), data, first(data), "finetune")
    rows = data.rows("validation")
    accuracy = [
        metrics.accuracy(logits(m, data.x[rows]), data.y[rows]).value
        for m in (plain(15), found.model)
    ]
    assert accuracy[0] - accuracy[1] <= 0.02
    assert found.figures["step"] in (0.1, 0.02, 0.005)
    assert found.figures["validation lost"] == pytest.approx(accuracy[0] - accuracy[1])


def test_the_kept_scaling_is_said():
    found = disgorge(plain(15), digits(15), first(digits(15)), "finetune")
    assert RESERVATIONS["preprocessing kept"] in found.claim


def test_what_it_saw_stays_said():
    found = disgorge(plain(15), digits(15), first(digits(15)), "finetune")
    assert set(first(digits(15)).ids) <= set(found.model.seen or ())


def test_only_the_head_moves_where_only_the_head_learns():
    recipe = replace(plain(15).recipe or Recipe(), trainable="head")
    found = finetune(replace(plain(15), recipe=recipe), digits(15), first(digits(15)))
    old, new = plain(15).network.state_dict(), found.network.state_dict()
    moved = {name for name in old if not torch.equal(old[name], new[name])}
    assert moved == {"head.weight", "head.bias"}


def test_without_validation_records_the_smallest_step_is_taken_and_said():
    data = digits(15)
    split = np.where(data.split == 1, 2, data.split)
    found = disgorge(plain(15), replace(data, split=split), first(data), "finetune")
    assert found.figures["step"] == 0.005
    assert RESERVATIONS["no guard"] in found.notes


def test_sharded_models_are_sent_to_their_shards():
    offers = applicable(sharded(), digits(), first(digits()))
    reasons = {offer.method: offer.why_not for offer in offers}
    assert "touched shards" in (reasons["finetune"] or "")
    assert reasons["sisa"] is None and offers[0].method == "sisa"


def test_batch_statistics_are_those_of_the_kept_records():
    data = digits(15)
    norm = Layer("batchnorm1d", "norm", {"channels": 32})
    model = training.fit(data, (*LAYERS[:2], norm, *LAYERS[2:]), RECIPE)
    after = finetune(model, data, first(data)).network
    rows = data.rows("train")[15:]
    rows = rows[np.argsort(data.keys[rows])]
    with torch.no_grad():
        hidden = after[1](after[0](inputs(model.members[0], data.x[rows])))
    state = after.state_dict()
    by_batch = torch.stack([part.mean(0) for part in hidden.split(256)])
    torch.testing.assert_close(state["norm.running_mean"], by_batch.mean(0), atol=1e-5, rtol=1e-4)
    assert not torch.equal(
        state["norm.running_mean"], model.network.state_dict()["norm.running_mean"]
    )
    changed = replace(data, x=np.where(np.arange(500)[:, None, None, None] < 15, 16, data.x))
    again = finetune(model, changed, first(data)).network.state_dict()
    assert all(torch.equal(state[name], again[name]) for name in state)


def test_regression_models_can_be_tuned():
    data = digits(task="regression")
    layers = (*LAYERS[:3], Layer("linear", "head", {"inputs": 32, "outputs": 1}))
    model = training.fit(data, layers, replace(RECIPE, lr=0.005))
    found = disgorge(model, data, first(data), "finetune")
    assert found.effect == "moved"
    rows = data.rows("train")[15:]
    before, after = (
        metrics.rmse(logits(m, data.x[rows]), data.y[rows]) for m in (model, found.model)
    )
    assert after.value < before.value
