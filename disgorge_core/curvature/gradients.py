"""Gradients of the loss: of the mean, of chosen outputs, of every record, and along a direction.

Directional derivatives use one forward-mode pass (dual numbers), so one query against all records
stores nothing: the derivative of every record's loss along v is ∇ℓ_i · v.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.func import functional_call

from disgorge_core.curvature.records import Single, single
from disgorge_core.curvature.sites import capture
from disgorge_core.types import Array, Model

Vector = dict[str, Tensor]


def per_sample_gradients(model: Model, x: Any, y: Array, part: str = "all") -> Vector:
    """Gradients (n, *shape) of every record's loss (without L2), built in full: for small networks."""
    one = single(model, part)
    parts = [_explicit(one, z, t) for z, t in one.batches(x, y)]
    return {name: torch.cat([found[name] for found in parts]) for name in parts[0]}


def _explicit(one: Single, x: Tensor, y: Tensor) -> Vector:
    seen = capture(one.network, one.sites, x)
    slopes = seen.gradients(one.loss.slope(seen.logits.detach(), y))
    found: Vector = {}
    for site in one.sites:
        found |= site.vector(site.each_matrix(seen.inputs[site.name], slopes[site.name]))
    return found


def mean_gradient(model: Model, x: Any, y: Array, l2: float, part: str = "all") -> Vector:
    """Gradient of the mean loss plus ½ l2 ‖θ‖², keyed as the network's named parameters."""
    one = single(model, part)
    total = _summed(one, x, y, "loss")
    theta = parameters(one)
    return {name: value / len(y) + l2 * theta[name] for name, value in total.items()}


def output_gradient(model: Model, x: Any, y: Array, target: str, part: str = "all") -> Vector:
    """Gradient of the mean over records of the named output ("margin" or "loss", without L2)."""
    return {k: v / len(y) for k, v in _summed(single(model, part), x, y, target).items()}


def _summed(one: Single, x: Any, y: Array, target: str) -> Vector:
    weights = {n: p for site in one.sites for n, p in site.parameters.items()}
    total = {name: torch.zeros_like(p) for name, p in weights.items()}
    for z, t in one.batches(x, y):
        logits = one.network(z)
        slope = one.loss.output_slope(logits.detach(), t, target)
        found = torch.autograd.grad(logits, list(weights.values()), slope)
        for name, g in zip(weights, found, strict=True):
            total[name] += g
    return total


def parameters(one: Single) -> Vector:
    """The weights of the sites, detached."""
    return {n: p.detach() for site in one.sites for n, p in site.parameters.items()}


def loss_change(model: Model, x: Any, y: Array, direction: Mapping[str, Tensor]) -> Array:
    """Directional derivative (n,) of every record's loss along a parameter direction."""
    one = single(model)
    parts = [
        _along(one, z, direction, lambda out, t=t: one.loss.each(out, t))  # type: ignore[misc]
        for z, t in one.batches(x, y)
    ]
    return np.concatenate(parts)


def logit_change(model: Model, x: Any, direction: Mapping[str, Tensor]) -> Array:
    """Directional derivative (n, c) of the logits along a parameter direction."""
    one = single(model)
    nothing = np.zeros(len(x), dtype=np.int64)
    parts = [_along(one, z, direction, lambda out: out) for z, _ in one.batches(x, nothing)]
    return np.concatenate(parts)


def _along(
    one: Single, x: Tensor, direction: Mapping[str, Tensor], output: Callable[[Tensor], Tensor]
) -> Array:
    weights = dict(one.network.named_parameters())
    with torch.no_grad(), forward_ad.dual_level(), warnings.catch_warnings():
        # torch's own rules for forward mode are written with a function that it deprecates
        warnings.filterwarnings("ignore", "`torch.jit", DeprecationWarning)
        moving = {k: forward_ad.make_dual(weights[k].detach(), v) for k, v in direction.items()}
        found = output(functional_call(one.network, moving, (x,)))
        return forward_ad.unpack_dual(found).tangent.numpy()
