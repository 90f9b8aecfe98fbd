"""Convex models brought to their optimum by Newton's method in plain torch, in float64."""

import torch
from torch import nn
from torch.nn import functional as F

from disgorge_core.types import Recipe
from tests.curvature.nets import table_model

L2 = 0.02


def logistic(x, y, classes, l2=L2, weights=None):
    """Weights (classes, d + 1) that minimise the mean cross-entropy plus ½ l2 ‖θ‖²."""
    a = torch.cat([torch.tensor(x.to_numpy()), torch.ones(len(x), 1, dtype=torch.float64)], 1)
    t = torch.tensor(y)
    theta = torch.zeros(classes, a.shape[1], dtype=torch.float64)
    for _ in range(12):
        p = (a @ theta.T).softmax(1)
        slope = (p - F.one_hot(t, classes)).T @ a / len(a) + l2 * theta
        s = torch.diag_embed(p) - p[:, :, None] * p[:, None]
        blocks = [[(a * s[:, i, j, None]).T @ a for j in range(classes)] for i in range(classes)]
        h = torch.cat([torch.cat(row, 1) for row in blocks]) / len(a)
        h = h + l2 * torch.eye(theta.numel(), dtype=torch.float64)
        theta = theta - torch.linalg.solve(h, slope.flatten()).reshape(theta.shape)
    assert slope.norm() < 1e-12
    return theta


def model_with(theta, **more):
    """A linear model with these weights (classes, d + 1)."""
    network = nn.Sequential(nn.Linear(theta.shape[1] - 1, theta.shape[0]))
    with torch.no_grad():
        network[0].weight.copy_(theta[:, :-1])
        network[0].bias.copy_(theta[:, -1])
    recipe = Recipe(l2=more.pop("l2", L2), dtype="float64")
    network = network.double()
    with torch.no_grad():  # the copies above were rounded to float32
        network[0].weight.copy_(theta[:, :-1])
        network[0].bias.copy_(theta[:, -1])
    return table_model(network, theta.shape[1] - 1, theta.shape[0], recipe=recipe, **more)
