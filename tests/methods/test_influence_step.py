"""An influence step moves the weights up the gradient of what is removed, by the inverse curvature."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from disgorge_core import metrics
from disgorge_core.curvature import fit_curvature, per_sample_gradients
from disgorge_core.disgorging import disgorge, facts_for, why_not
from disgorge_core.methods.selective_forgetting.influence_step import InfluenceStep
from disgorge_core.models.prediction import logits
from disgorge_core.types import Dataset, ForgetSet, Model
from tests.curvature.nets import table, table_model
from tests.influence.fitted import logistic, model_with
from tests.influence_data import dataset_of
from tests.methods.small import chosen, digits, first, learnt, plain, sharded

Run = Callable[[Model, Dataset, ForgetSet], Model]


def influence_step(model: Model, data: Dataset, forget: ForgetSet) -> Model:
    return disgorge(model, data, forget, "influence_step").model


def proof(run: Run) -> None:
    """Convex: it goes most of the way to the optimum without the records."""
    x, y = table(80, 4, 3)
    data = dataset_of(x, y)
    full, kept = logistic(x, y, 3), logistic(x[8:], y[8:], 3)
    layer = run(model_with(full), data, chosen(data, np.arange(8))).network[0]
    after = torch.cat([layer.weight, layer.bias[:, None]], 1).detach()
    assert (after - kept).norm() < 0.5 * (full - kept).norm()


def test_it_goes_most_of_the_way_to_the_retrained_optimum():
    def whole(model, data, forget):
        return disgorge(model, data, forget, "influence_step", settings={"step": 1.0}).model

    proof(whole)


@pytest.mark.parametrize("records", [5, 20])
def test_the_change_follows_the_formula(records):
    data, model = digits(15), plain(15)
    settings = {"step": 0.7, "damping": 0.3}
    found = disgorge(model, data, first(data, records), "influence_step", settings=settings)
    gone, rows = data.rows("train")[:records], data.rows("train")[records:]
    curvature = fit_curvature(model, data.x[rows], data.y[rows], l2=0.0, damping=0.3)
    every = data.rows("train")
    each = per_sample_gradients(model, data.x[every], data.y[every])
    total = {k: (v[gone] - v.mean(0)).sum(0) / len(rows) for k, v in each.items()}
    wanted = curvature.solve(total)
    for name, p in found.model.network.named_parameters():
        old = dict(model.network.named_parameters())[name]
        torch.testing.assert_close(p, old + 0.7 * wanted[name], rtol=1e-4, atol=1e-5)


def test_the_loss_of_what_is_removed_rises_and_validation_is_guarded():
    data = digits(15)
    found = disgorge(plain(15), data, first(data), "influence_step")
    before, after = (
        metrics.nll(logits(m, data.x[:15]), data.y[:15]).mean() for m in (found.before, found.model)
    )
    assert after > before
    assert found.figures["validation lost"] <= 0.02


def test_wrong_labels_learnt_by_heart_are_mostly_let_go():
    data = digits(15)
    found = disgorge(learnt(), data, first(data), "influence_step")
    wrong, test = data.rows("train")[:15], data.rows("test")

    def right(model, rows):
        return metrics.accuracy(logits(model, data.x[rows]), data.y[rows]).value

    assert right(learnt(), wrong) == 1 and right(found.model, wrong) < 0.5
    assert right(found.model, test) >= right(learnt(), test)


def test_where_it_does_not_apply_it_says_why():
    facts = facts_for(sharded(), digits(), first(digits()))
    assert "shards" in (why_not(InfluenceStep(), facts) or "")
    net = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.PReLU(), torch.nn.Linear(4, 3))
    data = dataset_of(*table(20, 4))
    facts = facts_for(table_model(net, 4), data, chosen(data, np.arange(3)))
    assert "PReLU" in (why_not(InfluenceStep(), facts) or "")
