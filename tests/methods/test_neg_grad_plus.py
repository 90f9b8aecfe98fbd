"""NegGrad+ goes further on F than fine-tuning, and its step is the gradient of its own objective."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional

from disgorge_core import metrics
from disgorge_core.disgorging import disgorge
from disgorge_core.models.prediction import inputs, logits
from disgorge_core.types import Dataset, ForgetSet, Model
from tests.methods.small import chosen, digits, first, learnt, plain

Run = Callable[[Model, Dataset, ForgetSet], Model]


def neg_grad_plus(model: Model, data: Dataset, forget: ForgetSet) -> Model:
    return disgorge(model, data, forget, "neg_grad_plus").model


def loss_on(model: Model, data: Dataset, rows: np.ndarray) -> float:
    return float(metrics.nll(logits(model, data.x[rows]), data.y[rows]).mean())


def right(model: Model, data: Dataset, rows: np.ndarray) -> float:
    return metrics.accuracy(logits(model, data.x[rows]), data.y[rows]).value


def proof(run: Run) -> None:
    data = digits(15)
    forget, rows = first(data), np.arange(15)
    tuned = disgorge(learnt(), data, forget, "finetune", settings={"lr": 0.02}).model
    after = run(learnt(), data, forget)
    assert loss_on(after, data, rows) > 1.5 * loss_on(tuned, data, rows)
    held_out = data.rows("validation")
    assert right(learnt(), data, held_out) - right(after, data, held_out) <= 0.02


def test_it_pushes_f_further_than_fine_tuning_at_a_usual_step():
    proof(neg_grad_plus)


def test_at_the_same_step_fewer_wrong_labels_stay_than_by_fine_tuning():
    data, rows = digits(15), np.arange(15)
    found = [
        disgorge(learnt(), data, first(data), name, settings={"lr": 0.02}).model
        for name in ("finetune", "neg_grad_plus")
    ]
    tuned, pushed = (right(model, data, rows) for model in found)
    assert right(learnt(), data, rows) == 1
    assert pushed <= tuned - 0.2


def test_one_step_is_the_gradient_of_the_formula():
    """One record to remove, one batch: nothing is left to chance."""
    data = digits(15)
    settings = {"lr": 0.01, "epochs": 1, "batch": 1000, "alpha": 0.9}
    forget = chosen(data, np.array([3]))
    found = disgorge(plain(15), data, forget, "neg_grad_plus", settings=settings).model
    network, rows = plain(15).network, np.delete(data.rows("train"), 3)
    x, y = inputs(plain(15).members[0], data.x), torch.from_numpy(data.y)
    loss = 0.9 * functional.cross_entropy(network(x[rows]), y[rows])
    loss = loss - 0.1 * functional.cross_entropy(network(x[3:4]), y[3:4])
    grads = torch.autograd.grad(loss, list(network.parameters()))
    for old, new, g in zip(network.parameters(), found.network.parameters(), grads, strict=True):
        torch.testing.assert_close(new, old - 0.01 * g, rtol=1e-4, atol=1e-6)


def test_it_counts_both_records_of_a_step():
    data = digits(15)
    found = disgorge(plain(15), data, first(data), "neg_grad_plus", settings={"lr": 0.01})
    assert found.cost.passes == 2 * 5 * 285
