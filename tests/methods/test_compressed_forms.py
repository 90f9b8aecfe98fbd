"""The short retrain beyond plain recipes: norms, Adam, weight decay, wrapped networks, a mixed start."""

from __future__ import annotations

import copy
import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import disgorge_core as dg
from disgorge_core import metrics, training
from disgorge_core.data.forget_set import from_mask
from disgorge_core.disgorging import applicable, disgorge
from disgorge_core.errors import BadForgetSet, NotApplicable
from disgorge_core.methods.retraining.logit_scale import degree, grown, is_temperature, scaled
from disgorge_core.methods.retraining.short_recipe import shorter
from disgorge_core.models.layers import build, initialise
from disgorge_core.models.prediction import inputs, logits
from disgorge_core.registry import EXAMPLES, METHODS
from disgorge_core.types import Array, Dataset, Layer, Member, Model, Outcome, Recipe, Tier
from disgorge_core.words import RESERVATIONS, reservation
from tests.methods.small import RECIPE, chosen, digits, first, plain, same_weights

HALF = {"budget": 0.5}
NORMED = (
    Layer("flatten"),
    Layer("linear", "hidden", {"inputs": 64, "outputs": 32}),
    Layer("batchnorm1d", "norm", {"channels": 32}),
    Layer("relu"),
    Layer("linear", "head", {"inputs": 32, "outputs": 10}),
)


def short(model: Model, data: Dataset, **settings: float) -> Outcome:
    return disgorge(model, data, first(data), "compressed_retrain", settings={**HALF, **settings})


# --- the law of growth --------------------------------------------------------------------------


def test_without_weight_decay_margins_grow_like_the_logarithm_of_time():
    by_hand = 1 + (6.0 - 4.5) / math.log(3) * math.log(20 / 6) / 6.0
    assert grown((4.5, 6.0), (2.0, 6.0), 20.0, 0.0) == pytest.approx(by_hand, rel=1e-6)


def followed(b: float, ends: Sequence[float], start: float, decay: float) -> list[float]:
    """The law by its definition, in very small steps from the first of `ends`."""
    found, m, t, step = [], start, ends[0], 2e-3
    for end in ends[1:]:
        while t < end:
            m += step * (b / ends[0] * math.exp(-(m - start) / b) - decay * m)
            t += step
        found.append(m)
    return found


@pytest.mark.parametrize("decay", [0.0, 0.01, 0.1])
def test_with_weight_decay_it_follows_the_definition(decay):
    middle, end = followed(2.0, (2.0, 6.0, 20.0), 4.5, decay)
    scale = grown((4.5, middle), (2.0, 6.0), 20.0, decay)
    assert scale == pytest.approx(end / middle, rel=1e-3)


def untrained(layers: tuple[Layer, ...]) -> tuple[Model, Array, Array]:
    """A network whose labels are its own answers, so that all margins are of one sign."""
    network = build(layers).double()
    initialise(network, torch.Generator().manual_seed(0))
    with torch.no_grad():
        for p in network.parameters():
            p.mul_(6)
    p = replace(plain().preprocessing, fitted=False)
    model = replace(plain(), members=(Member(network.eval(), p),), layers=layers)
    x = digits().take(np.arange(60))
    return model, x, logits(model, x).argmax(1)


def test_the_degree_counts_the_layers_that_the_margin_follows():
    sizes = ((64, 32), (32, 32), (32, 2))
    linear = [Layer("linear", f"l{i}", {"inputs": a, "outputs": b, "bias": False})
              for i, (a, b) in enumerate(sizes)]  # fmt: skip
    relu = Layer("relu")
    deep = (Layer("flatten"), linear[0], relu, linear[1], relu, linear[2])
    assert degree(*untrained(deep)) == pytest.approx(
        3, abs=0.05
    )  # two classes: the margin is linear
    norm = Layer("batchnorm1d", "norm", {"channels": 32})
    assert degree(*untrained((*deep[:4], norm, *deep[4:]))) == pytest.approx(2, abs=0.05)


# --- the last layer -----------------------------------------------------------------------------


class Tied(nn.Module):
    """A network whose last layer is used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.head = nn.Linear(64, 10), nn.Linear(10, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.relu(self.head(torch.relu(self.hidden(x.flatten(1))))))


def stack(*after: nn.Module) -> nn.Module:
    parts = (
        nn.Flatten(),
        nn.Linear(64, 32),
        nn.BatchNorm1d(32),
        nn.ReLU(),
        nn.Linear(32, 10),
        *after,
    )
    return nn.Sequential(*parts)


def wrapped(network: nn.Module) -> Model:
    data = digits(15)
    recipe = replace(RECIPE, epochs=16)
    return dg.wrap(network, data, recipe, trained_on="train")


@pytest.mark.parametrize("network", [stack(nn.LayerNorm(10)), stack(nn.Tanh()), Tied()])
def test_where_the_last_layer_is_no_temperature_it_says_so(network):
    with pytest.raises(NotApplicable, match="do not scale with the last linear layer"):
        short(wrapped(network), digits(15))


def test_scaling_is_a_temperature_elsewhere():
    x = digits().take(np.arange(20))
    assert is_temperature(plain(), x)
    np.testing.assert_allclose(logits(scaled(plain(), 3.0), x), 3 * logits(plain(), x), rtol=1e-5)


def test_a_wrapped_network_is_trained_as_its_layers_would_be():
    network = stack()
    names = OrderedDict(
        (layer.name or layer.kind, part) for layer, part in zip(NORMED, network, strict=True)
    )
    data = digits(15)
    found = short(wrapped(nn.Sequential(names)), data)
    assert found.tier is Tier.REBUILT and found.effect == "moved"
    assert 0 < found.model.network.norm.num_batches_tracked < 200
    rows = data.rows("test")
    assert metrics.accuracy(logits(found.model, data.take(rows)), data.y[rows]).value > 0.85


def test_batch_statistics_hold_nothing_of_the_removed_records():
    """Other pictures and labels of F, and so another original, give the same bits, buffers too."""
    data = digits(15)
    x = data.x.copy()
    x[:15] = 255 - x[:15]
    other = replace(data, x=x)
    models = [training.fit(each, NORMED, replace(RECIPE, epochs=2)) for each in (data, other)]
    models = [replace(model, recipe=replace(RECIPE, epochs=24)) for model in models]
    assert not same_weights(*models)
    ours, theirs = (short(*pair) for pair in zip(models, (data, other), strict=True))
    assert ours.figures["paired"] == 0
    assert same_weights(ours.model, theirs.model)
    assert (
        reservation("recipe measured", METHODS["compressed_retrain"].measured["batch norm"])
        in ours.notes
    )


# --- Adam ---------------------------------------------------------------------------------------


def test_a_recipe_with_adam_is_shortened_to_gentle_sgd():
    found = shorter(Recipe(epochs=60, lr=0.002, batch=64, optimiser="adam"), 6, 1)
    assert (found.optimiser, found.lr, found.batch, found.momentum) == ("sgd", 0.05, 16, 0.8)
    small = shorter(Recipe(epochs=60, lr=0.002, batch=32, optimiser="adam"), 6, 1)
    assert small.lr / small.batch == found.lr / found.batch


def test_with_adam_the_scale_is_paired_and_the_budget_holds():
    data, recipe = digits(15), Recipe(epochs=40, lr=0.002, batch=32, optimiser="adam")
    model = training.fit(data, plain().layers or (), recipe)
    found = short(model, data)
    assert found.figures["paired"] == 1 and RESERVATIONS["scale touched"] in found.notes
    assert found.cost.of_full == pytest.approx(0.5, rel=0.05)
    assert "by SGD instead of Adam" in found.claim
    wrong = metrics.accuracy(logits(found.model, data.x[:15]), data.y[:15]).value
    assert wrong <= 0.1


def test_the_offer_says_what_was_measured_for_recipes_like_this():
    data, recipe = digits(15), Recipe(epochs=16, lr=0.003, batch=32, optimiser="adam")
    model = replace(plain(15), recipe=recipe)
    offers = {o.method: o for o in applicable(model, data, first(data), retrain=1.0)}
    said = METHODS["compressed_retrain"].measured["adam"]
    assert said in offers["compressed_retrain"].promise
    assert said not in METHODS["compressed_retrain"].promise
    assert RESERVATIONS["few epochs"] in offers["compressed_retrain"].promise  # two of sixteen
    assert offers["compressed_retrain"].price > 1  # both attempts, then the full recipe


# --- a mixed start ------------------------------------------------------------------------------


def test_a_mixed_start_is_a_reduction_and_says_so():
    found = short(plain(15), digits(15), old_share=0.2)
    assert found.tier is Tier.EMPIRICAL
    assert reservation("start mixed", "20 %") in found.notes
    assert found.model.seen == plain(15).seen  # the old weights saw the records
    later = chosen(digits(15), digits(15).rows("train")[40:50])
    with pytest.raises(BadForgetSet, match="earlier removals"):
        disgorge(found.model, digits(15), later, "retrain")  # it would learn the first ones again


def test_a_sub_class_goes_by_a_fresh_start_and_stays_with_much_of_the_old_weights():
    """The hard case beside wrong labels: all ones of one style."""
    example = EXAMPLES["digits"]()
    data = example.dataset()
    forget = example.suggested(data)[0]
    gone = forget.mask(data)
    x, y = data.take(np.flatnonzero(gone)), data.y[gone]
    recipe = replace(RECIPE, epochs=24, lr=0.1, batch=64)
    model = training.fit(data, plain().layers or (), recipe)
    masks = np.repeat(~gone[None], 4, axis=0)
    full = training.refit_many(model, data, masks, [1, 2, 3, 4], workers=1)
    theirs = np.mean([metrics.accuracy(z, y).value for z in full.logits(x)])
    found = {}
    for share in (0.0, 0.6):
        settings = {"budget": 0.4, "old_share": share}
        after = disgorge(model, data, forget, "compressed_retrain", settings=settings).model
        found[share] = metrics.accuracy(logits(after, x), y).value
    assert metrics.accuracy(logits(model, x), y).value > 0.95
    assert abs(found[0.0] - theirs) <= 0.05
    assert found[0.6] - theirs >= 0.2
    fresh = training.refit(model, data, ~gone, recipe=replace(recipe, epochs=1), seed=9)
    student = taught(fresh, model, data, ~gone & (data.split == 0))
    assert metrics.accuracy(logits(student, x), y).value - theirs >= 0.2


def taught(fresh: Model, teacher: Model, data: Dataset, keep: Array) -> Model:
    """A network that learns the old one's answers on what is kept: it never sees F, and yet learns of it."""
    member, x = copy.deepcopy(fresh.members[0]), data.take(np.flatnonzero(keep))
    with torch.no_grad():
        wanted = teacher.network(inputs(teacher.members[0], x))
    steps, z = torch.optim.Adam(member.network.parameters(), lr=3e-3), inputs(member, x)
    for _ in range(300):
        steps.zero_grad()
        torch.nn.functional.mse_loss(member.network(z), wanted).backward()
        steps.step()
    return replace(fresh, members=(member,))


def test_random_records_are_answered_as_by_full_retrainings():
    """The easy case: most of them are answered rightly without having been seen."""
    data = EXAMPLES["digits"]().dataset()
    gone = np.isin(np.arange(len(data)), data.rows("train")[::20])
    x, y = data.take(np.flatnonzero(gone)), data.y[gone]
    recipe = replace(RECIPE, epochs=24, lr=0.1, batch=64)
    model = training.fit(data, plain().layers or (), recipe)
    full = training.refit_many(model, data, np.repeat(~gone[None], 4, 0), [1, 2, 3, 4], workers=1)
    theirs = np.mean([metrics.accuracy(z, y).value for z in full.logits(x)])
    found = disgorge(model, data, from_mask(data, gone, "each twentieth"), "compressed_retrain")
    assert abs(metrics.accuracy(logits(found.model, x), y).value - theirs) <= 0.05
