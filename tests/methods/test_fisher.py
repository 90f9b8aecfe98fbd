"""The noise of `fisher` follows the inverse Fisher on R, and its nats are the KL of two Gaussians."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from disgorge_core.disgorging import disgorge, facts_for, why_not
from disgorge_core.methods.selective_forgetting.fisher import FLOOR, FisherNoise
from disgorge_core.models.prediction import inputs
from disgorge_core.types import Array, Dataset, ForgetSet, Model
from tests.curvature.nets import seeded, table, table_model
from tests.influence.fitted import L2, logistic, model_with
from tests.influence_data import dataset_of
from tests.methods.small import chosen, digits, first, narrow, sharded

Run = Callable[[Model, Dataset, ForgetSet], Model]


def fisher(model: Model, data: Dataset, forget: ForgetSet) -> Model:
    return disgorge(model, data, forget, "fisher", settings={"strength": 0.3}).model


def slow_fisher(model: Model, data: Dataset, rows: Array) -> Tensor:
    """Σ over records and classes of p_k (∂ log p_k / ∂θ)², one at a time: the definition."""
    network, weights = model.network, list(model.network.parameters())
    total = [torch.zeros_like(w) for w in weights]
    for z in inputs(model.members[0], data.take(rows)):
        log_p = network(z[None])[0].log_softmax(0)
        for one in log_p:
            slopes = torch.autograd.grad(one, weights, retain_graph=True)
            for place, slope in zip(total, slopes, strict=True):
                place += one.detach().exp() * slope.square()
    return torch.cat([t.flatten() for t in total]).double() / len(rows)


def flat(model: Model) -> Tensor:
    return torch.cat([p.detach().flatten() for p in model.network.parameters()]).double()


def proof(run: Run) -> None:
    """Weights of little Fisher on R move more, in the measure of F^(-1/4); a training moves the others."""
    data, model = digits(15), narrow()
    forget, rows = first(data), data.rows("train")[15:]
    moves = (flat(run(model, data, forget)) - flat(model)).abs()
    f = slow_fisher(model, data, rows)
    order = f.clamp(min=FLOOR * f.mean()).argsort()
    low, high = order[: len(order) // 4], order[-len(order) // 4 :]
    assert moves[low].median() > 1.5 * moves[high].median()


def test_what_the_kept_records_hold_least_moves_most():
    proof(fisher)


@pytest.mark.parametrize("exponent", [0.5, 1.0])
def test_the_noise_has_the_variance_of_the_formula(exponent: float):
    data, model = digits(15), narrow()
    settings = {"strength": 0.2, "exponent": exponent}
    found = disgorge(model, data, first(data), "fisher", settings=settings)
    f = slow_fisher(model, data, data.rows("train")[15:])
    share = (f / f.mean()).clamp(min=FLOOR)
    deviation = 0.2 * flat(model).square().mean().sqrt() * share.pow(-exponent / 2)
    z = (flat(found.model) - flat(model)) / deviation
    assert len(z) == 910  # chi-square with 910 degrees: 5 standard deviations are 14 %
    assert z.square().mean() == pytest.approx(1, abs=0.15) and z.mean().abs() < 0.1
    halves = z.square()[f.argsort()].split(len(z) // 2)
    assert all(half.mean() == pytest.approx(1, abs=0.2) for half in halves)


def test_another_seed_draws_other_noise_of_the_same_nats():
    data, settings = digits(15), {"strength": 0.2}
    one, two = (
        disgorge(narrow(), data, first(data), "fisher", seed=seed, settings=settings)
        for seed in (0, 1)
    )
    assert not torch.equal(flat(one.model), flat(two.model))
    assert one.figures["nats remaining"] == two.figures["nats remaining"] > 0


def test_nats_are_the_divergence_between_the_optima_with_and_without_f():
    """Logistic regression, where the optimum without F is known: ½ Σ Δ²/v by torch's own KL."""
    x, y = table(200, 4, 3)
    data = dataset_of(x, y)
    full, kept = logistic(x, y, 3), logistic(x[5:], y[5:], 3)
    model = model_with(full)
    found = disgorge(model, data, chosen(data, np.arange(5)), "fisher", settings={"strength": 0.1})
    f = slow_fisher(model, data, np.arange(5, 200)) + L2
    f = torch.cat([f[:12].reshape(3, 4), f[12:, None]], 1)  # bias beside its weights, as in theta
    share = (f / f.mean()).clamp(min=FLOOR)
    deviation = 0.1 * full.square().mean().sqrt() * share.pow(-0.25)
    apart = torch.distributions.kl_divergence(
        torch.distributions.Normal(full, deviation), torch.distributions.Normal(kept, deviation)
    ).sum()
    assert found.figures["nats remaining"] == pytest.approx(float(apart), rel=0.15)
    digits = 2 - math.floor(math.log10(found.figures["nats remaining"]))
    (said,) = (note for note in found.notes if "nats" in note)
    told = float(said.split("at most ")[1].split(" nats")[0].replace(",", ""))
    assert told == pytest.approx(round(found.figures["nats remaining"], digits))


def test_by_itself_it_takes_no_more_noise_than_the_validation_records_allow():
    data = digits(15)
    found = disgorge(narrow(), data, first(data), "fisher")
    strong = disgorge(narrow(), data, first(data), "fisher", settings={"strength": 2.0})
    assert found.figures["validation lost"] <= 0.02 < strong.figures["validation lost"]
    assert strong.figures["nats remaining"] < found.figures["nats remaining"]
    assert found.cost.passes == strong.cost.passes


def test_layers_that_curvature_does_not_cover_get_their_fisher_record_by_record():
    x, y = table(40, 4)
    data = dataset_of(x, y)
    net = seeded(lambda: nn.Sequential(nn.Linear(4, 6), nn.PReLU(), nn.Linear(6, 3)))
    model = table_model(net, 4)
    settings = {"strength": 0.2, "exponent": 0.0}  # all alike: the noise itself
    plainly, shaped = (
        flat(disgorge(model, data, chosen(data, np.arange(4)), "fisher", settings=s).model)
        - flat(model)
        for s in (settings, {"strength": 0.2})
    )
    f = slow_fisher(model, data, np.arange(4, 40))
    wanted = (f / f.mean()).clamp(min=FLOOR).pow(-0.25)
    torch.testing.assert_close(shaped / plainly, wanted, rtol=1e-6, atol=0)


def test_only_the_head_is_blurred_where_only_the_head_was_trained():
    data, model = digits(15), narrow()
    assert model.recipe is not None
    model = replace(model, recipe=replace(model.recipe, trainable="head"))
    found = disgorge(model, data, first(data), "fisher", settings={"strength": 0.2})
    old, new = model.network.state_dict(), found.model.network.state_dict()
    assert {k for k in old if not torch.equal(old[k], new[k])} == {"head.weight", "head.bias"}


def test_where_it_does_not_apply_it_says_why():
    facts = facts_for(sharded(), digits(), first(digits()))
    assert "shards" in (why_not(FisherNoise(), facts) or "")
