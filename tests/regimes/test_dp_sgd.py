from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from disgorge_core import training
from disgorge_core.errors import BadModel, BadParam
from disgorge_core.models.prediction import logits
from disgorge_core.params import make
from disgorge_core.privacy import steps
from disgorge_core.privacy.accountant import epsilon
from disgorge_core.privacy.bound import bound_of
from disgorge_core.regimes.dp_sgd import DpSgd
from disgorge_core.training.blueprint import blueprint
from disgorge_core.training.task import job_of, tasks_for
from disgorge_core.types import Layer, Recipe, silent
from tests.training.small import MLP, TABLE_MLP, at, digits, same, table
from tests.training.small_texts import texts

RECIPE = Recipe(epochs=3, lr=0.5, batch=40, momentum=0.0, schedule="constant")
REGIME = DpSgd(epsilon=4.0)
CNN = (
    Layer("conv2d", "c", {"inputs": 1, "outputs": 4}),
    Layer("groupnorm", "g", {"groups": 2, "channels": 4}),
    Layer("relu"),
    Layer("maxpool"),
    Layer("globalpool"),
    Layer("flatten"),
    Layer("linear", "head", {"inputs": 4, "outputs": 10}),
)


def ready(data, layers, recipe=RECIPE):
    job = job_of(data, blueprint(layers, data), recipe, np.ones(len(data), bool), [recipe.seed])
    inputs, (task,) = tasks_for(job)
    return inputs, task


def slow_gradients(task, inputs, rows, names):
    """One record at a time, by the ordinary backward pass."""
    found = []
    for row in rows:
        raw = inputs.raw[[row]]
        x = steps.network_input(task.preprocessing, inputs, raw, "float32")
        loss = steps.losses(task.network(x), steps.targets(inputs, [row], "float32"), inputs.task)
        grads = torch.autograd.grad(loss.sum(), [task.network.get_parameter(n) for n in names])
        found.append(torch.cat([g.flatten() for g in grads]))
    return torch.stack(found)


@pytest.mark.parametrize(
    ("make_data", "layers"), [(digits, MLP), (digits, CNN), (table, TABLE_MLP)]
)
def test_sums_of_clipped_gradients(make_data, layers):
    """Against one record at a time; some are clipped and some are not."""
    inputs, task = ready(make_data(), layers)
    names = [n for n, _ in task.network.named_parameters()]
    rows = task.rows[:30]
    slow = slow_gradients(task, inputs, rows, names)
    clip = float(slow.norm(dim=1).median())
    expected = (slow * (clip / slow.norm(dim=1)).clamp(max=1)[:, None]).sum(0)
    each = steps._each(task.network, names, inputs.task)
    total, _ = steps._clipped(each, task, inputs, rows, RECIPE, 0, clip, names)
    found = torch.cat([t.flatten() for t in total])
    assert torch.allclose(found, expected, atol=1e-4)
    assert 5 < int((slow.norm(dim=1) > clip).sum()) < 25


def test_opacus_finds_the_same_gradients_of_single_records():
    """Of a network that its hooks know: linear layers, convolutions and group norms."""
    from opacus.grad_sample import GradSampleModule

    inputs, task = ready(digits(), CNN)
    names = [n for n, _ in task.network.named_parameters()]
    slow = slow_gradients(task, inputs, task.rows[:8], names)
    hooked = GradSampleModule(task.network.train(), loss_reduction="sum")
    x = steps.network_input(task.preprocessing, inputs, inputs.raw[task.rows[:8]], "float32")
    x.requires_grad_()
    steps.losses(
        hooked(x), steps.targets(inputs, task.rows[:8], "float32"), "classification"
    ).sum().backward()
    found = torch.cat([p.grad_sample.flatten(1) for p in task.network.parameters()], dim=1)
    assert torch.allclose(found, slow, atol=1e-5)


def test_without_noise_and_clip_it_is_plain_descent_on_everything():
    """All records in every step: each step is one of full gradient descent on the same inputs."""
    data, recipe = digits(120), replace(RECIPE, batch=65_536, lr=0.1, epochs=4)
    inputs, task = ready(data, MLP, recipe)
    steps.train(task, inputs, recipe, steps.Steps(4, 1.0, 0.0, 1e6, len(task.rows)), silent)
    descent = training.fit(data, MLP, recipe)
    for a, b in zip(task.network.parameters(), descent.network.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-5)


def test_noise_is_as_large_as_it_is_said():
    """Where gradients are clipped to nothing, weights are noise: σ C lr / (q n) a step, over all steps."""
    data = digits(120)
    recipe = replace(RECIPE, lr=1.0, epochs=5)
    regime = DpSgd(noise=3.0, clip=1e-6)
    a, b = (training.fit(data, MLP, replace(recipe, epochs=e), regime=regime) for e in (1, 6))
    n = len(data.rows("train"))
    count = 5 * -(-n // recipe.batch)
    moved = torch.cat([(x - y).flatten() for x, y in zip(b.network.parameters(), a.network.parameters(),
                                                         strict=True)])  # fmt: skip
    assert float(moved.detach().std()) == pytest.approx(3e-6 / recipe.batch * count**0.5, rel=0.1)


def test_records_are_drawn_one_by_one():
    """Shares as they are said, independent over steps, and by id alone."""
    keys = np.random.default_rng(0).integers(0, 2**63, 4000).astype(np.uint64)
    drawn = np.stack([steps.chosen(keys, 5, step, 0.1) for step in range(200)])
    assert drawn.mean() == pytest.approx(0.1, abs=0.002)
    assert drawn.sum(1).std() == pytest.approx((4000 * 0.09) ** 0.5, rel=0.2)
    both = (drawn[0] & drawn[1]).mean()
    assert both == pytest.approx(0.01, abs=0.006)
    assert np.array_equal(steps.chosen(keys[::-3], 5, 7, 0.1), drawn[7][::-3])


@pytest.mark.parametrize(("make_data", "layers"), [(digits, MLP), (table, TABLE_MLP)])
def test_it_is_repeatable_and_does_not_depend_on_the_order_of_the_file(make_data, layers):
    data = make_data()
    model = training.fit(data, layers, RECIPE, regime=REGIME)
    assert same(
        training.fit(at(data, np.arange(len(data))[::-1]), layers, RECIPE, regime=REGIME), model
    )
    assert same(training.refit(model, data, np.ones(len(data), bool)), model)
    assert not same(training.refit(model, data, np.ones(len(data), bool), seed=9), model)
    stack = training.refit_many(model, data, np.ones((2, len(data)), bool), [0, 3])
    assert same(stack.models[0], model)


def test_the_bound_is_that_of_what_was_done():
    data = table()
    model = training.fit(data, TABLE_MLP, RECIPE, regime=REGIME)
    n, bound = len(data.rows("train")), bound_of(model)
    assert bound is not None
    assert (bound.records, bound.rate, bound.steps) == (
        n,
        RECIPE.batch / n,
        3 * -(-n // RECIPE.batch),
    )
    history = ((10.0, 1.0, 1), (bound.noise, bound.rate, int(bound.steps)))
    assert bound.epsilon == epsilon(history, 0.9 * bound.delta) <= 4.0
    assert bound.epsilon > 3.9 and 0.85 * bound.epsilon < bound.second < bound.epsilon
    assert bound.delta == pytest.approx(0.1 / n)
    assert bound.reading == 1
    stated = training.fit(data, TABLE_MLP, RECIPE, regime=DpSgd(noise=bound.noise, reading=0.0))
    assert bound_of(stated).reading == 0 and bound_of(stated).epsilon < bound.epsilon
    assert model.lineage.cost == n * RECIPE.epochs


def test_texts_are_trained_privately_but_their_words_are_not_covered():
    data = texts(140)
    model = training.fit(data, "text_mean", RECIPE, settings={"width": 4}, regime=REGIME)
    assert bound_of(model).reading == 0 and model.preprocessing.fitted
    inputs, task = ready(data, "text_mean")
    names = [n for n, _ in task.network.named_parameters()]
    slow = slow_gradients(task, inputs, task.rows[:6], names)
    each = steps._each(task.network, names, inputs.task)
    total, _ = steps._clipped(each, task, inputs, task.rows[:6], RECIPE, 0, 1e9, names)
    assert torch.allclose(torch.cat([t.flatten() for t in total]), slow.sum(0), atol=1e-5)


def test_numbers_are_predicted_privately():
    data = table(task="regression")
    layers = (*TABLE_MLP[:-1], Layer("linear", "head", {"inputs": 8, "outputs": 1}))
    model = training.fit(data, layers, replace(RECIPE, lr=0.1), regime=REGIME)
    assert bound_of(model) is not None and np.isfinite(logits(model, data.x)).all()


def test_a_change_of_the_weights_voids_the_bound():
    data = digits()
    model = training.fit(data, MLP, RECIPE, regime=REGIME)
    assert bound_of(model) is not None
    with torch.no_grad():
        next(model.network.parameters()).add_(1e-3)
    assert bound_of(model) is None


def test_accuracy_grows_with_epsilon():
    data = digits(900)
    recipe = replace(RECIPE, epochs=25, batch=200, lr=1.0)
    x, y = data.arrays("test")
    right = [
        (logits(training.fit(data, MLP, recipe, regime=DpSgd(epsilon=e)), x).argmax(1) == y).mean()
        for e in (0.1, 20.0)
    ]
    assert right[0] < 0.6 and right[1] > 0.8


def test_bad_settings():
    for wrong in ({"epsilon": 0}, {"epsilon": -1}, {"delta": -1e-5}, {"clip": 0}):
        with pytest.raises(BadParam, match="must lie between"):
            make(DpSgd, wrong)
    data = digits()
    loose = DpSgd(delta=0.05)
    assert "says nothing of 125 records" in str(loose.why_not(data, "mlp"))
    with pytest.raises(BadParam, match="says nothing of 125 records"):
        training.fit(data, MLP, RECIPE, regime=loose)
    assert REGIME.why_not(data, "mlp") is None


def test_a_noise_that_hides_nothing():
    assert "no privacy to speak of" in str(DpSgd(noise=0.01).why_not(digits(), "mlp"))
    with pytest.raises(BadParam, match="Take 0 or at least"):
        training.fit(digits(), MLP, RECIPE, regime=DpSgd(noise=0.01))


def test_networks_that_cannot_be_private():
    data = digits()
    norm = (*CNN[:1], Layer("batchnorm2d", "g", {"channels": 4}), *CNN[2:])
    with pytest.raises(BadModel, match=r"batch norm mixes.*group norm"):
        training.fit(data, norm, RECIPE, regime=REGIME)
    with pytest.raises(BadModel, match="list of layers"):
        training.fit(data, torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10)), RECIPE,
                     regime=REGIME)  # fmt: skip
    other = training.fit(data, MLP, RECIPE)
    with pytest.raises(BadModel, match="cannot start from the weights"):
        training.fit(data, MLP, RECIPE, start=other, regime=REGIME)


@pytest.mark.parametrize("settings", [{"epsilon": 5.0}, {"noise": 2.0}])
def test_the_bound_is_foreseen(settings):
    for data, layers in ((digits(), MLP), (table(600), TABLE_MLP)):
        regime = DpSgd(**settings)
        found = bound_of(training.fit(data, layers, RECIPE, regime=regime))
        ahead = regime.foreseen(data, RECIPE)
        assert ahead.epsilon == pytest.approx(found.epsilon, rel=0.03)
        assert (ahead.delta, ahead.most) == (found.delta, found.most)


def test_the_recipe_that_it_advises():
    """125 records in 150 steps or more, √(50 / 16) the rate without momentum; rate times steps ≤ nε / 12."""
    own, data = Recipe(epochs=60, lr=0.01, batch=16, momentum=0.9), digits()
    found, why = training.advised(DpSgd(epsilon=100.0), own, data)
    assert found == replace(own, batch=50, lr=0.18, momentum=0.0) and "noise" in why
    less, _ = training.advised(DpSgd(epsilon=3.0), own, data)
    assert less.lr == pytest.approx(125 * 3 / 12 / (60 * 3), rel=0.03)
    for regime in (DpSgd(epsilon=3.0), DpSgd(noise=2.0)):
        again = training.advised(regime, own, data)[0]
        assert training.advised(regime, again, data) == (again, "")
    for regime, other in ((None, own), (DpSgd(), replace(own, optimiser="adam"))):
        assert training.advised(regime, other, data) == (other, "")
    assert training.advised(DpSgd(), own, texts())[0] == own
    assert training.advised(DpSgd(), replace(own, batch=2000), data)[0].batch == 2000
