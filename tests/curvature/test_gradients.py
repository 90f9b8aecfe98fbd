"""Per-sample gradients against torch.func, layer kind after layer kind; directions against them."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, vmap
from torch.nn import functional as F

from disgorge_core.curvature import (
    logit_change,
    loss_change,
    mean_gradient,
    output_gradient,
    per_sample_gradients,
)
from disgorge_core.curvature.losses import loss_of
from disgorge_core.curvature.sites import capture, frozen_copy, sample_gradients, sites_of
from disgorge_core.errors import NotApplicable
from disgorge_core.models.prediction import inputs
from disgorge_core.types import Member
from tests.curvature.nets import image_model, mlp, pictures, seeded, table, table_model


def conv_net(**options):
    conv = nn.Conv2d(2, 4, 3, **options)
    rest = [
        nn.GroupNorm(2, 4),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 3),
    ]
    net = nn.Sequential(conv, *rest)
    with torch.no_grad():
        net[1].weight.uniform_(0.5, 2)
    return net


def normed_net():
    return nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.LayerNorm(5), nn.Linear(5, 3))


CONVS = {
    "padding": {"padding": 1},
    "stride": {"stride": 2, "padding": 2},
    "groups": {"groups": 2, "padding": 1},
    "same": {"padding": "same", "dilation": 2},
    "uneven": {"padding": (0, 2), "stride": (1, 2), "bias": False},
    "reflect": {"padding": 1, "padding_mode": "reflect"},
}


def by_torch(model, x, y):
    network = model.network.eval()
    weights = {k: v.detach() for k, v in network.named_parameters()}
    z = inputs(model.members[0], x)
    t = loss_of(model).targets(y, z)

    def loss(w, one, target):
        out = functional_call(network, w, (one[None],))
        if model.task == "regression":
            return 0.5 * (out[0, 0] - target) ** 2
        return F.cross_entropy(out, target[None])

    return vmap(grad(loss), (None, 0, 0))(weights, z, t)


def assert_same(found, wanted):
    assert found.keys() == wanted.keys()
    for name in wanted:
        torch.testing.assert_close(found[name], wanted[name], rtol=1e-9, atol=1e-11)
    assert max(float(v.abs().max()) for v in wanted.values()) > 1e-3


@pytest.mark.parametrize("kind", CONVS)
def test_convolutions_equal_torch_func(kind):
    model = image_model(seeded(lambda: conv_net(**CONVS[kind])), 2)
    x, y = pictures(6, 5, 2)
    assert_same(per_sample_gradients(model, x, y), by_torch(model, x, y))


def test_linear_and_frozen_batchnorm_equal_torch_func():
    network = seeded(
        lambda: nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.LayerNorm(5), nn.Linear(5, 3))
    )
    network(torch.randn(20, 4))  # running statistics away from 0 and 1
    model = table_model(network, 4)
    x, y = table(7, 4)
    assert_same(per_sample_gradients(model, x, y), by_torch(model, x, y))


def test_squared_loss_equals_torch_func():
    model = table_model(mlp(classes=1), 4, task="regression")
    x, _ = table(7, 4)
    y = np.linspace(-1, 2, 7)
    assert_same(per_sample_gradients(model, x, y), by_torch(model, x, y))


def test_embeddings_and_layers_over_tokens_equal_torch_func():
    torch.manual_seed(0)

    class Mean(nn.Module):
        def forward(self, x):
            return x.mean(1)

    network = nn.Sequential(
        nn.Embedding(6, 4, padding_idx=0), nn.LayerNorm(4), nn.Linear(4, 5), Mean(), nn.Linear(5, 3)
    )
    network = frozen_copy(network.double())
    tokens = torch.randint(0, 6, (5, 8))
    sites = sites_of(network)
    seen = capture(network, sites, tokens)
    slopes = seen.gradients(torch.ones_like(seen.logits))
    weights = {k: v.detach() for k, v in network.named_parameters()}
    wanted = vmap(grad(lambda w, one: functional_call(network, w, (one[None],)).sum()), (None, 0))(
        weights, tokens
    )
    for site in sites:
        a, g = seen.inputs[site.name], slopes[site.name]
        matrices = site.each_matrix(a, g)
        for i in range(5):
            for name, value in site.vector(matrices[i]).items():
                torch.testing.assert_close(value, wanted[name][i], rtol=1e-9, atol=1e-11)
    assert sample_gradients(network[0], tokens, slopes["0"])[0][:, 0].abs().max() == 0


def test_mean_gradient_is_the_gradient_of_mean_loss_plus_l2():
    model = table_model(mlp(), 4)
    x, y = table(600, 4)  # more than one batch
    z, t = inputs(model.members[0], x), torch.as_tensor(y)
    loss = F.cross_entropy(model.network(z), t)
    loss = loss + 0.15 * sum(p.square().sum() for p in model.network.parameters())
    wanted = torch.autograd.grad(loss, list(model.network.parameters()))
    found = mean_gradient(model, x, y, 0.3)
    for value, (name, _) in zip(wanted, model.network.named_parameters(), strict=True):
        torch.testing.assert_close(found[name], value, rtol=1e-10, atol=1e-12)


def test_margin_gradient_is_that_of_the_log_odds():
    model = table_model(mlp(), 4)
    x, y = table(9, 4)
    p = model.network(inputs(model.members[0], x)).softmax(1)[torch.arange(9), torch.as_tensor(y)]
    margin = (p / (1 - p)).log().mean()
    wanted = torch.autograd.grad(margin, list(model.network.parameters()))
    found = output_gradient(model, x, y, "margin")
    for value, name in zip(wanted, found, strict=True):
        torch.testing.assert_close(found[name], value, rtol=1e-8, atol=1e-11)


def test_directions_equal_products_with_explicit_gradients():
    model = image_model(seeded(lambda: conv_net(padding=1)), 2)
    x, y = pictures(6, 5, 2)
    each = per_sample_gradients(model, x, y)
    direction = {k: torch.randn_like(v[0]) for k, v in each.items()}
    wanted = sum((each[k] * direction[k]).flatten(1).sum(1) for k in each)
    np.testing.assert_allclose(loss_change(model, x, y, direction), wanted.numpy(), rtol=1e-9)
    step = {k: v + 1e-6 * direction[k] for k, v in model.network.named_parameters()}
    z = inputs(model.members[0], x)
    moved = (functional_call(model.network, step, (z,)) - model.network(z)) / 1e-6
    np.testing.assert_allclose(logit_change(model, x, direction), moved.detach().numpy(), atol=1e-4)


def test_nothing_of_the_model_is_changed():
    model = image_model(seeded(lambda: conv_net(padding=1)), 2)
    model.network.train()
    before = model.digest
    per_sample_gradients(model, *pictures(4, 5, 2))
    assert (
        type(model)(**{f: getattr(model, f) for f in model.__dataclass_fields__}).digest == before
    )
    assert model.network.training and model.network[2].inplace
    assert all(p.grad is None for p in model.network.parameters())


def test_what_has_no_formula_is_refused_in_words():
    model = table_model(mlp(), 4)
    pair = type(model)("two", model.members * 2, model.classes, model.task, model.lineage)
    x, y = table(5, 4)
    with pytest.raises(NotApplicable, match="2 networks"):
        per_sample_gradients(pair, x, y)
    with pytest.raises(NotApplicable, match="does not cover"):
        sites_of(nn.Sequential(nn.Linear(4, 4), nn.PReLU()))
    twice = nn.Linear(4, 4)
    member = Member(nn.Sequential(twice, nn.ReLU(), twice).double(), model.preprocessing)
    with pytest.raises(NotApplicable, match="runs twice"):
        per_sample_gradients(
            type(model)("t", (member,), model.classes, model.task, model.lineage), x, y
        )
