"""Curvature of word vectors: a linear layer whose inputs are the shares of words."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.func import functional_call

from disgorge_core.curvature import (
    fit_curvature,
    logit_change,
    loss_change,
    per_sample_gradients,
    words,
)
from disgorge_core.curvature.records import single
from disgorge_core.curvature.sites import capture
from disgorge_core.data.preprocessing import of_words
from disgorge_core.models.layers import WordMean
from disgorge_core.models.prediction import inputs
from disgorge_core.types import Lineage, Member, Model
from tests.curvature.nets import seeded, table_model
from tests.curvature.test_curvature import L2, flat, operator

KNOWN = tuple("abcdefg")


def text_model(hidden: bool = True) -> Model:
    body = [nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)] if hidden else [nn.Linear(4, 3)]
    network = seeded(lambda: nn.Sequential(WordMean(len(KNOWN) + 2, 4), *body)).double()
    p = of_words("told", KNOWN, length=9)
    return Model("small", (Member(network, p),), tuple("012"), "classification", Lineage("here"))


def told(n: int) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    lines = [" ".join(rng.choice([*KNOWN, "zz"], rng.integers(0, 12))) for _ in range(n)]
    return pd.DataFrame({"told": pd.Series(lines, dtype="str")}), rng.integers(0, 3, n)


def as_numbers(model: Model, x: pd.DataFrame) -> tuple[Model, pd.DataFrame]:
    """The same model as a network of linear layers that reads shares of words: the definition."""
    first = model.network[0]
    linear = nn.Linear(*reversed(first.weight.T.shape), bias=False).double()
    linear.weight = nn.Parameter(first.weight.detach().T.clone())
    shares = np.zeros((len(x), len(KNOWN) + 2))
    for row, numbers in zip(shares, inputs(model.members[0], x).tolist(), strict=True):
        own = [number for number in numbers if number]
        for number in own:
            row[number] += 1 / len(own) ** 0.5
    columns = [f"c{i}" for i in range(shares.shape[1])]
    network = nn.Sequential(linear, *model.network[1:])
    return table_model(network, len(columns)), pd.DataFrame(shares, columns=columns)


def test_gradients_are_those_of_a_linear_layer_over_shares():
    model, (x, y) = text_model(), told(20)
    twin, shares = as_numbers(model, x)
    found, wanted = per_sample_gradients(model, x, y), per_sample_gradients(twin, shares, y)
    torch.testing.assert_close(found["0.weight"], wanted["0.weight"].mT)
    for name in ("1.weight", "1.bias", "3.weight"):
        torch.testing.assert_close(found[name], wanted[name])
    assert (found["0.weight"].abs().sum((0, 2)) > 0).tolist() == [False, *[True] * 8]


def test_the_whole_matrix_is_that_of_the_linear_layer():
    model, (x, y) = text_model(), told(30)
    twin, shares = as_numbers(model, x)
    mine, its = (
        fit_curvature(m, z, y, l2=L2, kind="dense", damping=0.1)
        for m, z in ((model, x), (twin, shares))
    )
    v = {k: torch.randn_like(p) for k, p in model.network.named_parameters()}
    turned = {**v, "0.weight": v["0.weight"].T}
    found, wanted = mine.multiply(v), its.multiply(turned)
    torch.testing.assert_close(found["0.weight"].T, wanted["0.weight"])
    torch.testing.assert_close(found["3.weight"], wanted["3.weight"])


@pytest.mark.parametrize("hidden", [False, True])
def test_ekfac_of_words_is_that_of_the_linear_layer(hidden):
    model, (x, y) = text_model(hidden), told(30)
    twin, shares = as_numbers(model, x)
    mine, its = (
        fit_curvature(m, z, y, l2=L2, kind="ekfac", damping=0.2)
        for m, z in ((model, x), (twin, shares))
    )
    v = {k: torch.randn_like(p) for k, p in model.network.named_parameters()}
    turned = {**v, "0.weight": v["0.weight"].T}
    for name in ("multiply", "solve"):
        found, wanted = getattr(mine, name)(v), getattr(its, name)(turned)
        torch.testing.assert_close(found["0.weight"].T, wanted["0.weight"])
        torch.testing.assert_close(found["1.weight"], wanted["1.weight"])
    torch.testing.assert_close(mine.diagonal()["0.weight"].T, its.diagonal()["0.weight"])


def test_of_many_words_the_leading_directions_are_kept_and_the_rest_is_one_value(monkeypatch):
    """Against the definition: the best basis of 4 directions, and the mean curvature outside it."""
    model, (x, y) = text_model(), told(40)
    monkeypatch.setattr(words, "DIRECTIONS", 4)
    monkeypatch.setattr(words, "EXTRA", 2)
    monkeypatch.setattr(words, "ROUNDS", 200)
    twin, shares = as_numbers(model, x)
    one = single(twin)
    seen = capture(one.network, one.sites, inputs(twin.members[0], shares))
    columns = one.loss.columns(seen.logits.detach(), torch.Generator())
    slopes = torch.stack([seen.gradients(column)["0"] for column in columns])
    left = torch.linalg.eigh(torch.einsum("kno,knp->op", slopes, slopes))[1]
    a = torch.tensor(shares.to_numpy())
    right = torch.linalg.eigh(a.T @ a)[1][:, -4:]
    squares = (slopes @ left).square().sum(0)
    values = torch.einsum("no,nk->ok", squares, (a @ right).square()) / 40
    rest = (torch.einsum("no,nv->ov", squares, a.square()).sum(1) / 40 - values.sum(1)) / 5
    shift = L2 + 0.2 * values.mean()
    inside = right @ right.T
    each = [
        right @ torch.diag(row + shift) @ right.T + (r + shift) * (torch.eye(9) - inside)
        for row, r in zip(values, rest, strict=True)
    ]
    v = torch.randn(9, 4).double()
    zero = {k: torch.zeros_like(p) for k, p in model.network.named_parameters()}
    curvature = fit_curvature(model, x, y, l2=L2, kind="ekfac", damping=0.2)
    found = curvature.multiply({**zero, "0.weight": v})["0.weight"]
    wanted = torch.stack([m @ (v @ left)[:, k] for k, m in enumerate(each)], 1) @ left.T
    torch.testing.assert_close(found, wanted)
    back = curvature.solve({**zero, "0.weight": wanted})["0.weight"]
    torch.testing.assert_close(back, v)
    kept = curvature.solve({**zero, "0.weight": v}, kept=True)["0.weight"]
    assert torch.linalg.matrix_rank(kept @ left) <= 4 and (inside @ kept - kept).abs().max() < 1e-9


def test_directions_are_found_without_building_the_factor():
    rng = np.random.default_rng(1)
    module = WordMean(600, 2).double()
    often = np.minimum(rng.zipf(1.3, (300, 20)), 599)
    often[rng.random(often.shape) < 0.2] = 0
    numbers = torch.from_numpy(often)
    told = [numbers[:100], numbers[100:]]
    found = words.directions(module, told, torch.Generator().manual_seed(0))
    assert found.shape == (600, 256)
    shares = module.shares(numbers).detach()
    wanted = torch.linalg.eigh(shares.T @ shares)[1][:, -60:]
    torch.testing.assert_close(found.T @ found, torch.eye(256).double())
    assert torch.linalg.svdvals(found.T @ wanted).min() > 0.999
    torch.testing.assert_close(words.in_basis(numbers, found), shares @ found)


@pytest.mark.parametrize("kind", ["dense", "ekfac"])
def test_solve_inverts_and_features_are_its_square_root(kind):
    model, (x, y) = text_model(), told(30)
    curvature = fit_curvature(model, x, y, l2=L2, kind=kind)
    v = {k: torch.randn_like(p) for k, p in model.network.named_parameters()}
    torch.testing.assert_close(flat(curvature.solve(curvature.multiply(v))), flat(v))
    one = single(model)
    seen = capture(one.network, one.sites, inputs(model.members[0], x))
    features = curvature.whiten(seen, one.loss.slope(seen.logits.detach(), torch.as_tensor(y)))
    each = per_sample_gradients(model, x, y)
    matrix = torch.linalg.inv(operator(model, curvature))
    rows = torch.cat([g.flatten(1) for g in each.values()], 1)
    torch.testing.assert_close(features @ features.T, rows @ matrix @ rows.T)


@pytest.mark.parametrize("kind", ["dense", "ekfac"])
def test_draws_have_the_inverse_as_their_covariance(kind):
    model, (x, y) = text_model(hidden=False), told(40)
    curvature = fit_curvature(model, x, y, l2=0.5, kind=kind)
    generator = torch.Generator().manual_seed(0)
    draws = torch.stack([flat(curvature.sample(generator)) for _ in range(4000)])
    wanted = operator(model, curvature, "solve")
    assert (draws.T @ draws / 4000 - wanted).abs().max() < 0.12 * wanted.abs().max()


def test_directions_move_what_weights_would_move():
    model, (x, y) = text_model(), told(20)
    v = {k: torch.randn_like(p) for k, p in model.network.named_parameters()}
    each = per_sample_gradients(model, x, y)
    wanted = sum((each[k] * v[k]).flatten(1).sum(1) for k in v)
    torch.testing.assert_close(torch.from_numpy(loss_change(model, x, y, v)), wanted)
    z = inputs(model.members[0], x)
    weights = {k: p.detach() for k, p in model.network.named_parameters()}
    ends = [
        functional_call(model.network, {k: w + s * v[k] for k, w in weights.items()}, (z,))
        for s in (1e-6, -1e-6)
    ]
    slope = ((ends[0] - ends[1]) / 2e-6).detach()
    found = torch.from_numpy(logit_change(model, x, v))
    torch.testing.assert_close(found, slope, rtol=1e-4, atol=1e-6)
