"""Curvature against the Hessian, the slow Gauss-Newton definition, and its own inverse."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call, hessian, jacrev
from torch.nn import functional as F

from disgorge_core.curvature import factors, fit_curvature, per_sample_gradients, removal_direction
from disgorge_core.curvature.records import single
from disgorge_core.curvature.sites import capture
from disgorge_core.errors import BadParam, NotApplicable
from disgorge_core.models.prediction import inputs
from tests.curvature.nets import head_only, image_model, mlp, pictures, seeded, table, table_model
from tests.influence_data import dataset_of

L2 = 0.05


def flat(vector):
    return torch.cat([v.flatten() for v in vector.values()]).double()


def shaped(model, vector):
    parameters = dict(model.network.named_parameters())
    parts = vector.split([p.numel() for p in parameters.values()])
    return {k: v.reshape(p.shape) for (k, p), v in zip(parameters.items(), parts, strict=True)}


def operator(model, curvature, name="multiply"):
    size = sum(p.numel() for p in model.network.parameters())
    dtype = next(model.network.parameters()).dtype
    columns = [
        flat(getattr(curvature, name)(shaped(model, e))) for e in torch.eye(size, dtype=dtype)
    ]
    return torch.stack(columns, 1)


def gauss_newton(model, x, l2):
    """The definition: mean of JᵀSJ + l2 I, with J by torch.func, in the order of the parameters."""
    weights = {k: v.detach() for k, v in model.network.named_parameters()}
    z = inputs(model.members[0], x)
    jacobian = jacrev(lambda w: functional_call(model.network, w, (z,)))(weights)
    j = torch.cat([v.reshape(*v.shape[:2], -1) for v in jacobian.values()], 2)
    p = model.network(z).softmax(1).detach()
    s = torch.diag_embed(p) - p[:, :, None] * p[:, None]
    h = torch.einsum("nca,ncd,ndb->ab", j, s, j) / len(z)
    return h + l2 * torch.eye(len(h), dtype=h.dtype)


@pytest.fixture
def logistic():
    return table_model(seeded(lambda: nn.Sequential(nn.Linear(4, 3))), 4)


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")  # torch.func's own
def test_dense_curvature_of_a_linear_model_is_the_hessian(logistic):
    x, y = table(30, 4)
    weights = {k: v.detach() for k, v in logistic.network.named_parameters()}
    z, t = inputs(logistic.members[0], x), torch.as_tensor(y)

    def objective(vector):
        w = shaped(logistic, vector)
        return (
            F.cross_entropy(functional_call(logistic.network, w, (z,)), t)
            + L2 / 2 * vector.square().sum()
        )

    wanted = hessian(objective)(flat(weights))
    found = operator(logistic, fit_curvature(logistic, x, y, l2=L2))
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-12)


def test_dense_curvature_of_a_network_is_the_gauss_newton_matrix():
    model = table_model(mlp(), 4)
    x, y = table(40, 4)
    curvature = fit_curvature(model, x, y, l2=L2, kind="dense", damping=0.0)
    wanted = gauss_newton(model, x, L2)
    torch.testing.assert_close(operator(model, curvature), wanted, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(flat(curvature.diagonal()), wanted.diagonal(), rtol=1e-9, atol=1e-12)


def test_head_curvature_is_the_last_block_of_the_whole():
    model = table_model(mlp(), 4)
    x, y = table(40, 4)
    head = fit_curvature(model, x, y, l2=L2, kind="head", damping=0.0)
    width = 3 * 5 + 3
    wanted = gauss_newton(model, x, L2)[-width:, -width:]
    found = torch.stack(
        [
            flat(head.multiply({"2.weight": e[:15].reshape(3, 5), "2.bias": e[15:]}))
            for e in torch.eye(width, dtype=torch.float64)
        ],
        1,
    )
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-12)


def test_ekfac_is_exact_where_the_structure_is():
    """One record and one layer: H = S ⊗ aaᵀ has exactly the two factors."""
    model = table_model(seeded(lambda: nn.Sequential(nn.Linear(4, 3))), 4)
    x, y = table(1, 4)
    found = operator(model, fit_curvature(model, x, y, l2=L2, kind="ekfac", damping=0.0))
    torch.testing.assert_close(found, gauss_newton(model, x, L2), rtol=1e-8, atol=1e-10)


def by_definition(model, x, y):
    """EK-FAC from explicit per-sample gradients of each layer's Gauss-Newton columns, with loops."""
    one = single(model)
    z = inputs(model.members[0], x)
    seen = capture(one.network, one.sites, z)
    columns = one.loss.columns(seen.logits.detach(), torch.Generator())
    for site in one.sites:
        grads, a2, g2 = [], 0, 0
        for k, column in enumerate(columns):
            slopes = seen.gradients(column)[site.name]
            left, right = site.given(slopes), site.taken(seen.inputs[site.name])
            for i in range(len(z)):
                grads.append(left[i].T @ right[i])
                g2 = g2 + left[i].T @ left[i]
                a2 = a2 + (right[i].T @ right[i] if k == 0 else 0)
        ug, ua = torch.linalg.eigh(g2)[1], torch.linalg.eigh(a2)[1]
        values = sum((ug.T @ m @ ua) ** 2 for m in grads) / len(z)
        basis = torch.kron(ug, ua)
        yield (
            site,
            basis @ torch.diag(values.flatten()) @ basis.T,
            sum(m**2 for m in grads) / len(z),
        )


@pytest.mark.parametrize("kind", ["table", "image"])
def test_ekfac_follows_its_definition(kind):
    if kind == "table":
        model, (x, y) = table_model(mlp(), 4), table(30, 4)
    else:
        layers = [nn.Conv2d(2, 3, 3, padding=1), nn.Tanh(), nn.Flatten(), nn.Linear(48, 3)]
        model, (x, y) = image_model(seeded(lambda: nn.Sequential(*layers)), 2), pictures(9, 4, 2)
    curvature = fit_curvature(model, x, y, l2=L2, kind="ekfac", damping=0.2)
    vector = {k: torch.randn_like(v) for k, v in model.network.named_parameters()}
    found, diagonal = curvature.multiply(vector), curvature.diagonal()
    for site, matrix, plain in by_definition(model, x, y):
        shift = L2 + 0.2 * matrix.trace() / len(matrix)
        v = site.matrix(vector).flatten()
        torch.testing.assert_close(
            site.matrix(found).flatten(), matrix @ v + shift * v, rtol=1e-7, atol=1e-10
        )
        torch.testing.assert_close(site.matrix(diagonal), plain + L2, rtol=1e-9, atol=1e-12)


def test_norms_are_diagonal_and_exact():
    layers = [
        nn.Conv2d(2, 4, 3, groups=2),
        nn.GroupNorm(2, 4),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(16, 3),
    ]
    model = image_model(seeded(lambda: nn.Sequential(*layers)), 2)
    x, y = pictures(9, 4, 2)
    found = flat(fit_curvature(model, x, y, l2=L2, kind="ekfac").diagonal())
    torch.testing.assert_close(found, gauss_newton(model, x, L2).diagonal(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", ["dense", "ekfac"])
def test_solve_inverts_and_features_are_its_square_root(kind):
    model = table_model(mlp(), 4)
    x, y = table(40, 4)
    curvature = fit_curvature(model, x, y, l2=L2, kind=kind)
    vector = {k: torch.randn_like(v) for k, v in model.network.named_parameters()}
    torch.testing.assert_close(flat(curvature.solve(curvature.multiply(vector))), flat(vector))
    one = single(model)
    seen = capture(one.network, one.sites, inputs(model.members[0], x))
    features = curvature.whiten(seen, one.loss.slope(seen.logits.detach(), torch.as_tensor(y)))
    each = per_sample_gradients(model, x, y)
    first = curvature.solve({k: v[0] for k, v in each.items()})
    wanted = sum((each[k] * first[k]).flatten(1).sum(1) for k in each)
    torch.testing.assert_close(features @ features[0], wanted)


def test_a_few_coordinates_are_those_that_weigh_most():
    model = table_model(mlp(), 4)
    x, y = table(40, 4)
    few = fit_curvature(model, x, y, l2=L2, kind="ekfac", coordinates=7)
    full = operator(model, fit_curvature(model, x, y, l2=L2, kind="ekfac"), "solve")
    vector = {k: torch.randn_like(v) for k, v in model.network.named_parameters()}
    kept = torch.stack(
        [flat(few.solve(shaped(model, e), kept=True)) for e in torch.eye(43).double()], 1
    )
    assert int(torch.linalg.matrix_rank(kept)) == 7
    assert torch.linalg.eigvalsh(full - kept).min() > -1e-9  # dropping only ever takes away
    torch.testing.assert_close(flat(few.solve(vector)), full @ flat(vector))


@pytest.mark.parametrize("kind", ["dense", "ekfac"])
def test_draws_have_the_inverse_as_their_covariance(kind):
    model = table_model(mlp(3, 2, 2), 3)
    x, y = table(40, 3, 2)
    curvature = fit_curvature(model, x, y, l2=0.5, kind=kind)
    generator = torch.Generator().manual_seed(0)
    draws = torch.stack([flat(curvature.sample(generator)) for _ in range(4000)])
    wanted = operator(model, curvature, "solve")
    error = (draws.T @ draws / 4000 - wanted).abs().max() / wanted.abs().max()
    assert error < 0.12
    assert (
        torch.eye(len(wanted)) * wanted.abs().max() - wanted
    ).abs().max() / wanted.abs().max() > 0.2


def test_auto_chooses_by_size_and_follows_the_recipe():
    small = table_model(mlp(), 4)
    large = table_model(mlp(4, 400), 4)
    x, y = table(20, 4)
    assert fit_curvature(small, x, y, l2=L2).kind == "dense"
    assert fit_curvature(large, x, y, l2=L2).kind == "ekfac"

    head = fit_curvature(table_model(mlp(), 4, recipe=head_only()), x, y, l2=L2)
    assert head.part == "head" and set(head.diagonal()) == {"2.weight", "2.bias"}


def test_bad_requests_are_refused_in_words():
    x, y = table(20, 4)
    with pytest.raises(BadParam, match="There is no curvature"):
        fit_curvature(table_model(mlp(), 4), x, y, l2=L2, kind="exact")
    with pytest.raises(NotApplicable, match="cannot be inverted"):
        fit_curvature(table_model(mlp(), 4), x, y, l2=0.0, damping=0.0, kind="dense")
    with pytest.raises(NotApplicable, match="too large"):
        fit_curvature(table_model(mlp(40, 400), 40), *table(5, 40), l2=L2, kind="dense")


def test_many_classes_are_sampled_close_to_the_sum():
    model = table_model(seeded(lambda: nn.Sequential(nn.Linear(4, 12))), 4, classes=12)
    with torch.no_grad():
        model.network[0].weight.mul_(4)  # classes of very different frequency
    x, y = table(3000, 4, 12)
    found = fit_curvature(model, x, y, l2=0.0, kind="ekfac").diagonal()["0.weight"]
    a = inputs(model.members[0], x)
    p = model.network(a).softmax(1).detach()
    wanted = (p * (1 - p)).T @ a.square() / len(a)
    assert np.corrcoef(found.flatten(), wanted.flatten())[0, 1] > 0.95
    assert abs(float(found.sum() / wanted.sum()) - 1) < 0.05


def test_mixed_columns_of_pictures_come_close_to_the_sum_of_all(monkeypatch):
    layers = [nn.Conv2d(2, 3, 3, padding=1), nn.Tanh(), nn.Flatten(), nn.Linear(75, 6)]
    model = image_model(seeded(lambda: nn.Sequential(*layers)), 2, classes=6)
    x, y = pictures(600, 5, 2, 6)
    mixed = fit_curvature(model, x, y, l2=0.0, kind="ekfac")
    again = fit_curvature(model, x, y, l2=0.0, kind="ekfac")
    monkeypatch.setattr(factors, "EXACT", len(x))
    summed = fit_curvature(model, x, y, l2=0.0, kind="ekfac")
    assert mixed.passes < summed.passes
    for name, wanted in summed.diagonal().items():
        found = mixed.diagonal()[name]
        assert torch.equal(found, again.diagonal()[name])
        assert not torch.equal(found, wanted)
        assert abs(float(found.sum() / wanted.sum()) - 1) < 0.1
    v = {k: torch.randn_like(p) for k, p in model.network.named_parameters()}
    one, other = flat(mixed.multiply(v)), flat(summed.multiply(v))
    assert float(one @ other / one.norm() / other.norm()) > 0.97


def test_removal_direction_is_uphill_of_what_leaves():
    model = table_model(mlp(), 4)
    x, y = table(40, 4)
    data = dataset_of(x, y)
    forget = np.arange(40) < 5
    curvature = fit_curvature(model, x, y, l2=L2)
    move = flat(removal_direction(model, data, forget, ~forget, curvature))
    each = torch.cat([v.flatten(1) for v in per_sample_gradients(model, x, y).values()], 1)
    wanted = torch.linalg.solve(operator(model, curvature), (each[:5] - each.mean(0)).sum(0) / 35)
    torch.testing.assert_close(move, wanted)
