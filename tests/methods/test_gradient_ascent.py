"""Gradient ascent sees F only, raises its loss, and gives up where every step breaks the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch.nn import functional

from disgorge_core import metrics
from disgorge_core.disgorging import disgorge
from disgorge_core.models.prediction import inputs, logits
from disgorge_core.types import Dataset, ForgetSet, Model
from disgorge_core.words import RESERVATIONS
from tests.methods.small import chosen, digits, first, plain, same_weights

Run = Callable[[Model, Dataset, ForgetSet], Model]


def gradient_ascent(model: Model, data: Dataset, forget: ForgetSet) -> Model:
    return disgorge(model, data, forget, "gradient_ascent").model


def proof(run: Run) -> None:
    data = digits(15)
    forget = first(data)
    after = run(plain(15), data, forget)
    before, now = (
        metrics.nll(logits(m, data.x[:15]), data.y[:15]).mean() for m in (plain(15), after)
    )
    assert now > before
    y = data.y.copy()
    y[15:300] = 9 - y[15:300]  # the kept labels play no part
    assert same_weights(run(plain(15), replace(data, y=y), forget), after)


def test_it_raises_the_loss_of_f_without_looking_at_r():
    proof(gradient_ascent)


def test_one_step_climbs_the_gradient():
    data, settings = digits(15), {"lr": 0.01, "epochs": 1, "batch": 1000}
    found = disgorge(plain(15), data, first(data), "gradient_ascent", settings=settings).model
    network = plain(15).network
    x, y = inputs(plain(15).members[0], data.x[:15]), torch.from_numpy(data.y[:15])
    grads = torch.autograd.grad(functional.cross_entropy(network(x), y), list(network.parameters()))
    for old, new, g in zip(network.parameters(), found.network.parameters(), grads, strict=True):
        torch.testing.assert_close(new, old + 0.01 * g, rtol=1e-4, atol=1e-6)


def test_where_every_step_breaks_the_model_it_is_left_as_it_was():
    data = digits(15)
    most = chosen(data, np.arange(290))
    settings = {"epochs": 100, "batch": 4}
    found = disgorge(plain(15), data, most, "gradient_ascent", settings=settings)
    assert found.effect == "no effect"
    assert same_weights(found.model, plain(15))
    assert RESERVATIONS["rolled back"].format(detail="2") in found.notes
    assert "No claim" in found.claim
