"""K-FAC against the dense matrix where it is exact, against plain Kronecker products, and sketched sums."""

import numpy as np
import pytest
import torch
from torch import nn

from disgorge_core.curvature import fit_kfac, kfac
from disgorge_core.influence.curved import curvature_of, matrix_of
from disgorge_core.registry import ESTIMATORS
from tests.curvature.nets import image_model, mlp, pictures, seeded, table, table_model
from tests.influence_data import dataset_of

ROWS = np.arange(40)


def kfac_scores(model, data, damping, l2=0.0):
    curvature = fit_kfac(model, data.take(ROWS), data.y[ROWS], l2=l2, damping=damping)
    return matrix_of(model, data, ROWS, ROWS[:7], curvature)


def test_for_least_squares_it_is_the_gauss_newton_matrix():
    """There the gradient's factors are independent: G = 1, and A is the whole matrix."""
    x, y = table(40, 3)
    data = dataset_of(x, x.to_numpy() @ [1.0, -2.0, 0.5] + y, task="regression")
    line = seeded(lambda: nn.Sequential(nn.Linear(3, 1)))
    model = table_model(line, 3, task="regression")
    dense = curvature_of(model, data, ROWS, kind="dense", damping=0.0)
    np.testing.assert_allclose(
        kfac_scores(model, data, 1e-9), matrix_of(model, data, ROWS, ROWS[:7], dense), rtol=1e-5
    )


def by_hand(model, data, damping, l2):
    """Scores of a network of linear layers from its factors, written out with inverses."""
    net = model.network
    x = torch.tensor(data.x.to_numpy())
    hidden = torch.tanh(net[0](x)).detach()
    z = (hidden @ net[2].weight.T + net[2].bias).detach()
    p, one = z.softmax(1), nn.functional.one_hot(torch.tensor(data.y), z.shape[1]).double()
    margin = one - z.masked_fill(one.bool(), -torch.inf).softmax(1)
    columns = [p[:, c, None].sqrt() * (p - torch.eye(z.shape[1])[c]) for c in range(z.shape[1])]
    total = 0.0
    for layer, a in ((0, x), (2, hidden)):

        def at(slope, layer=layer):
            return slope if layer == 2 else slope @ net[2].weight.detach() * (1 - hidden**2)

        a = torch.cat([a, torch.ones(len(a), 1, dtype=a.dtype)], 1)
        A, G = a.T @ a / len(a), sum(at(d).T @ at(d) for d in columns) / len(a)
        mean_a, mean_g = A.trace() / len(A), G.trace() / len(G)
        root, ratio = (l2 + damping**2 * mean_a * mean_g) ** 0.5, (mean_a / mean_g) ** 0.5
        inner = a @ torch.linalg.inv(A + root * ratio * torch.eye(len(A))) @ a.T
        outer = torch.linalg.inv(G + root / ratio * torch.eye(len(G)))
        total = total + inner * (at(p - one) @ outer @ at(margin).T)
    return ((total.mean(0) - total) / len(x)).numpy()[:, :7]


@pytest.mark.parametrize(("damping", "l2"), [(0.3, 0.0), (0.1, 0.05)])
def test_scores_are_those_of_the_factors_inverted_by_hand(damping, l2):
    data, model = dataset_of(*table(40, 4)), table_model(mlp(4, 6), 4)
    found = kfac_scores(model, data, damping, l2)
    np.testing.assert_allclose(found, by_hand(model, data, damping, l2), rtol=1e-4, atol=1e-8)


def cnn():
    layers = [nn.Conv2d(2, 6, 3), nn.GroupNorm(2, 6), nn.ReLU(), nn.Flatten(), nn.Linear(24, 3)]
    return image_model(seeded(lambda: nn.Sequential(*layers)), 2)


def test_a_sketch_of_a_convolution_changes_little(monkeypatch):
    data, model = dataset_of(*pictures(40, 4, 2)), cnn()
    whole = kfac_scores(model, data, 0.5)
    assert np.abs(whole).max() > 1e-4
    monkeypatch.setattr(kfac, "BUILT", 10)
    monkeypatch.setattr(kfac, "SKETCH", 4096)
    found = kfac_scores(model, data, 0.5)
    assert 0 < np.abs(found - whole).max() < 0.2 * np.abs(whole).max()
    assert np.corrcoef(found.ravel(), whole.ravel())[0, 1] > 0.98


def test_scores_do_not_depend_on_the_batches(monkeypatch):
    from disgorge_core.curvature import records

    data, model = dataset_of(*pictures(40, 4, 2)), cnn()
    whole = ESTIMATORS["kfac"]().score(model, data, ROWS, ROWS[:7])
    monkeypatch.setattr(records, "NUMBERS", 4000)
    parts = ESTIMATORS["kfac"]().score(model, data, ROWS, ROWS[:7])
    np.testing.assert_allclose(parts.matrix, whole.matrix, rtol=1e-4, atol=1e-9)
    assert whole.passes == 2 * 40 + 40 + 7  # the norm takes a pass of its own
