"""TRAK without a projection against its closed form, and projections against inner products."""

import numpy as np
import pytest
import torch
from torch import nn

from disgorge_core.curvature.records import single
from disgorge_core.curvature.sites import capture
from disgorge_core.curvature.sketch import projection_of
from disgorge_core.registry import ESTIMATORS
from tests.curvature.nets import image_model, mlp, pictures, seeded, table, table_model
from tests.influence_data import dataset_of

ROWS = np.arange(40)


def parts_of_logistic(model, data):
    """Margins' gradients (n, c(d + 1)) and 1 - p (n,) of a linear model, in plain numpy."""
    layer = model.network[0]
    a = np.hstack([data.x.to_numpy(), np.ones((len(data), 1))])
    theta = torch.cat([layer.weight, layer.bias[:, None]], 1).detach().numpy()
    z = a @ theta.T
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    one = np.eye(z.shape[1])[data.y]
    own = (p * one).sum(1)
    slope = one - (1 - one) * p / (1 - own)[:, None]  # own logit against the softmax of the others
    return (slope[:, :, None] * a[:, None]).reshape(len(a), -1), 1 - own


@pytest.mark.parametrize("target", ["margin", "loss"])
def test_without_a_projection_it_is_the_formula(target):
    data = dataset_of(*table(40, 3))
    model = table_model(seeded(lambda: nn.Sequential(nn.Linear(3, 3))), 3)
    phi, rest = parts_of_logistic(model, data)
    gram = phi.T @ phi
    ridge = 0.3 * gram.diagonal().mean() * np.eye(len(gram))
    wanted = rest[:, None] * (phi @ np.linalg.solve(gram + ridge, phi.T))
    wanted = wanted if target == "margin" else -wanted * rest
    scores = ESTIMATORS["trak"](ridge=0.3).score(model, data, ROWS, ROWS[:9], target=target)
    np.testing.assert_allclose(scores.matrix, wanted[:, :9], rtol=1e-4, atol=1e-7)
    assert scores.spread is None and scores.passes == 2 * 40 + 9


def test_for_least_squares_it_moves_as_the_model_without_the_record():
    x, y = table(40, 3)
    x_, t = x.to_numpy(), y + x.to_numpy() @ [1.0, -2.0, 0.5]
    a = np.hstack([x_, np.ones((40, 1))])
    data = dataset_of(x, t, task="regression")
    theta = np.linalg.lstsq(a, t, rcond=None)[0]
    line = nn.Sequential(nn.Linear(3, 1)).double()
    with torch.no_grad():
        line[0].weight.copy_(torch.tensor(theta[None, :3]))
        line[0].bias.copy_(torch.tensor(theta[3:]))
    model = table_model(line, 3, task="regression")
    scores = ESTIMATORS["trak"](ridge=1e-9).score(model, data, ROWS, ROWS)
    for i in (0, 11, 29):  # without record i the fit moves by H⁻¹ a_i r_i / (1 - leverage)
        left = np.linalg.lstsq(np.delete(a, i, 0), np.delete(t, i), rcond=None)[0]
        leverage = a[i] @ np.linalg.solve(a.T @ a, a[i])
        np.testing.assert_allclose(
            -scores.matrix[i] / (1 - leverage), a @ (left - theta), rtol=1e-3, atol=1e-6
        )
    assert "residual" in scores.unit


def test_projections_keep_inner_products_in_the_mean():
    layers = [nn.Conv2d(2, 3, 3), nn.GroupNorm(1, 3), nn.Flatten(), nn.Linear(12, 3)]
    model = image_model(seeded(lambda: nn.Sequential(*layers)), 2)
    data = dataset_of(*pictures(12, 4, 2))
    one = single(model)
    x, y = next(one.batches(data.x, data.y))
    seen = capture(one.network, one.sites, x)
    slope = one.loss.output_slope(seen.logits.detach(), y, "margin")
    whole = projection_of(one.sites, 10_000, 0).of(seen, slope)
    assert whole.shape[1] == sum(p.numel() for p in model.network.parameters())
    true = whole @ whole.T
    parts = [projection_of(one.sites, 64, seed).of(seen, slope) for seed in range(60)]
    found = [p @ p.T for p in parts]
    mean = torch.stack(found).mean(0)
    assert (mean - true).abs().max() < 0.12 * true.diagonal().max()
    assert (found[0] - true).abs().max() > 0.1 * true.diagonal().max()


def test_several_projections_are_averaged_with_their_error():
    data, model = dataset_of(*table(40, 4)), table_model(mlp(4, 30), 4)

    def scores(**more):
        return ESTIMATORS["trak"](dimension=20, **more).score(model, data, ROWS, ROWS[:3])

    each = np.array([scores(seed=s).matrix for s in (5, 6, 7)])
    found = scores(projections=3, seed=5)
    np.testing.assert_allclose(found.matrix, each.mean(0), rtol=1e-4, atol=1e-8)
    np.testing.assert_allclose(found.spread, each.std(0, ddof=1) / 3**0.5, rtol=1e-4, atol=1e-7)
    assert any("standard error" in note for note in found.notes)
