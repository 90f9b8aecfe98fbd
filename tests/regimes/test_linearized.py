"""The expansion against finite differences and Jacobians, the solve against a dense one, what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.func import functional_call, jacrev

from disgorge_core import training
from disgorge_core.errors import BadForgetSet, BadParam
from disgorge_core.models.expansion import Expansion
from disgorge_core.models.prediction import inputs, logits, member_logits
from disgorge_core.models.rules.linearized import USER
from disgorge_core.models.saved import load_model_folder, save_model
from disgorge_core.regimes.linearized import MixedPrivacy, conjugate_gradients
from disgorge_core.types import Layer, Model, Recipe
from tests.training.small import MLP, TABLE_MLP, at, digits, same, table

RECIPE = Recipe(epochs=15, lr=0.1, batch=16)
REGIME = MixedPrivacy(core="label < 5", l2=1e-2)
CNN = (
    Layer("conv2d", "c1", {"inputs": 1, "outputs": 3}),
    Layer("relu"),
    Layer("maxpool"),
    Layer("flatten"),
    Layer("linear", "fc", {"inputs": 48, "outputs": 8}),
    Layer("tanh"),
    Layer("linear", "head", {"inputs": 8, "outputs": 10}),
)


def jacobian(model: Model, x, names: list[str]) -> np.ndarray:
    """∂ logits / ∂ the named parameters (n, outputs, p), by reverse differentiation of the whole network."""
    network = model.network.double()
    weights = {k: v.detach() for k, v in network.named_parameters()}
    z = inputs(model.members[0], x).double()

    def answer(part):
        return functional_call(network, {**weights, **part}, (z,))

    found = jacrev(answer)({name: weights[name] for name in names})
    flat = [found[name].reshape(*found[name].shape[:2], -1) for name in names]
    return torch.cat(flat, 2).numpy()


@pytest.mark.parametrize("anchor", [True, False])
@pytest.mark.parametrize(
    ("layers", "count", "names"),
    [
        (MLP, 1, ["head.weight", "head.bias"]),
        (CNN, 2, ["fc.weight", "fc.bias", "head.weight", "head.bias"]),
    ],
)
def test_the_user_weights_are_the_dense_solution_with_the_whole_jacobian(
    layers, count, names, anchor
):
    data = digits(90)
    regime = replace(REGIME, layers=count, anchor=anchor)
    model = training.fit(data, layers, replace(RECIPE, dtype="float64"), regime=regime)
    rows = data.rows("train")
    own = rows if anchor else rows[data.y[rows] >= 5]
    j = jacobian(model, data.take(own), names)
    f = member_logits(model.members[0], data.take(own))
    rest = 5 * (np.eye(10)[data.y[own]] - 0.1) - (f - f.mean(1, keepdims=True))
    rest[data.y[own] < 5] = 0
    a = np.einsum("nop,noq->pq", j, j) / len(own) + 0.01 * np.eye(j.shape[2])
    wanted = np.linalg.solve(a, np.einsum("nop,no->p", j, rest) / len(own))
    np.testing.assert_allclose(model.artefacts[USER], wanted, atol=1e-4 * np.abs(wanted).max())
    answers = f + j @ wanted
    np.testing.assert_allclose(logits(model, data.take(own)), answers, atol=1e-3)


def test_along_is_the_derivative_and_back_its_transpose():
    data = digits(40)
    model = training.fit(data, CNN, replace(RECIPE, epochs=1, dtype="float64"))
    expansion = Expansion(model.members[0], 2)
    rng = np.random.default_rng(0)
    u, g = rng.normal(size=expansion.size), torch.from_numpy(rng.normal(size=(40, 10)))
    (z,) = expansion.read(data.x)
    moved = {k: v.clone() for k, v in model.network.state_dict().items()}
    at_ = 0
    for name in ("fc.weight", "fc.bias", "head.weight", "head.bias"):
        part = u[at_ : at_ + moved[name].numel()]
        moved[name] += 1e-6 * torch.from_numpy(part).view_as(moved[name])
        at_ += len(part)
    assert at_ == expansion.size
    before = logits(model, data.x)
    model.network.load_state_dict(moved)
    slope = (logits(model, data.x) - before) / 1e-6
    np.testing.assert_allclose(expansion.along(z, u), slope, atol=1e-3)
    both = float((expansion.along(z, u) * g).sum())
    assert both == pytest.approx(float(expansion.back(z, g) @ u))


def test_the_core_never_saw_user_records_and_reads_as_it_alone_would():
    data = digits(120)
    model = training.fit(data, MLP, RECIPE, regime=REGIME)
    core = training.fit(data, MLP, RECIPE, exclude=data.y >= 5)
    assert same(replace(core, seen=None), replace(model, artefacts={}, rule="mean", seen=None))
    assert model.seen == tuple(sorted(data.ids[data.split == 0]))


def test_user_records_make_a_small_core_better():
    data = digits(900)
    model = training.fit(data, MLP, RECIPE, regime=MixedPrivacy(core="contains(id, 'r00')"))
    rows = data.rows("test")
    right = [
        (logits(m, data.take(rows)).argmax(1) == data.y[rows]).mean()
        for m in (replace(model, rule="mean"), model)
    ]
    assert right[1] > right[0] + 0.03


def test_core_records_hold_their_answers_while_users_of_one_kind_pull_theirs():
    data = digits(300)
    right = {}
    for anchor in (True, False):
        regime = MixedPrivacy(core="label != 1", anchor=anchor)
        model = training.fit(data, MLP, RECIPE, regime=regime)
        rows = data.rows("test")
        right[anchor] = (logits(model, data.take(rows)).argmax(1) == data.y[rows]).mean()
    assert right[True] > 0.7 > 0.5 > right[False]


def test_the_same_records_give_the_same_bits_in_any_order(tmp_path):
    data = digits(100)
    forget = np.isin(np.arange(100), [3, 8])
    model = training.fit(data, MLP, RECIPE, exclude=forget, regime=REGIME)
    alone = at(data, np.flatnonzero(~forget)[::-1])
    assert same(model, training.fit(alone, MLP, RECIPE, regime=REGIME))
    assert same(model, training.refit(model, data, ~forget))
    save_model(model, tmp_path / "model")
    again = load_model_folder(tmp_path / "model")
    assert same(model, again)
    assert np.array_equal(logits(model, data.x), logits(again, data.x))


def test_values_are_regressed_with_dropout_and_norms_in_the_core():
    data = table(200, task="regression")
    layers = (*TABLE_MLP[:-1], Layer("linear", "head", {"inputs": 8, "outputs": 1}))
    core = "work == 'clerk' or work == 'farmer'"
    data = replace(data, meta=data.meta.assign(work=data.x["work"].astype(str)))
    regime = MixedPrivacy(core=core, layers=3)
    model = training.fit(data, layers, RECIPE, regime=regime)
    rows = data.rows("test")
    own = rows[np.isin(data.x["work"].to_numpy()[rows], ["smith", "potter"])]
    error = [
        np.abs(logits(m, data.take(own))[:, 0] - data.y[own]).mean()
        for m in (replace(model, rule="mean"), model)
    ]
    assert error[1] < error[0]


def test_conjugate_gradients_solve():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(12, 12))
    a, right = root @ root.T + np.eye(12), rng.normal(size=12)
    found, steps = conjugate_gradients(lambda u: a @ u, right)
    np.testing.assert_allclose(found, np.linalg.solve(a, right), rtol=1e-6)
    assert steps <= 20
    assert conjugate_gradients(lambda u: a @ u, np.zeros(12))[1] == 0


@pytest.mark.parametrize(
    ("core", "said"),
    [
        ("", "filter"),
        ("label <", "cannot be read"),
        ("nobody == 1", "nobody"),
        ("label > 99", "No training record is core"),
        ("label >= 0", "no user part"),
    ],
)
def test_a_split_that_is_none_is_refused(core, said):
    regime = MixedPrivacy(core=core)
    assert said in (regime.why_not(digits(60), "mlp") or "")
    with pytest.raises(BadParam, match=said):
        training.fit(digits(60), MLP, RECIPE, regime=regime)


def test_a_core_that_is_emptied_is_refused():
    data = digits(60)
    with pytest.raises(BadForgetSet, match="No core record is left"):
        training.fit(data, MLP, RECIPE, exclude=data.y < 5, regime=REGIME)


def test_a_module_of_your_own_cannot_be_expanded():
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
    with pytest.raises(BadParam, match="layer by layer"):
        training.fit(digits(60), network, RECIPE, regime=REGIME)
