"""From raw records to a model's answer: logits of its members, put together by its rule."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from disgorge_core.data.preprocessing import transform
from disgorge_core.models.backbones.whole import WHOLE
from disgorge_core.models.layers import head_of
from disgorge_core.types import Array, Member, Model

BATCH = 2048


def dtype_of(network: nn.Module) -> str:
    """Name of the number format of a network's weights."""
    parameter = next(network.parameters(), None)
    return "float64" if parameter is not None and parameter.dtype == torch.float64 else "float32"


def inputs(member: Member, x: Any) -> torch.Tensor:
    """Network input of raw records, in the network's number format."""
    return torch.from_numpy(transform(member.preprocessing, x, dtype_of(member.network)))


def member_logits(member: Member, x: Any) -> Array:
    """Logits (n, classes) of one member in evaluation mode; regression gives (n, 1)."""
    was_training = member.network.training
    member.network.eval()
    with torch.inference_mode():
        parts = [member.network(inputs(member, part)).numpy() for part in _batches(x)]
    member.network.train(was_training)
    return np.concatenate(parts)


def _batches(x: Any) -> list[Any]:
    return [x[start : start + BATCH] for start in range(0, max(1, len(x)), BATCH)]


def logits(model: Model, x: Any) -> Array:
    """Logits (n, classes) of the whole model, its output rule included."""
    return RULES[model.rule](model, x)


def probabilities(model: Model, x: Any) -> Array:
    """Probabilities (n, classes)."""
    return softmax(logits(model, x))


def softmax(z: Array) -> Array:
    """Softmax over the last axis, in float64."""
    z = z.astype(np.float64) - z.max(-1, keepdims=True)
    e = np.exp(z)
    return e / e.sum(-1, keepdims=True)


def mean_logits(model: Model, x: Any) -> Array:
    """Mean of the members' logits."""
    return np.mean([member_logits(member, x) for member in model.members], axis=0)


def guarded_logits(model: Model, x: Any) -> Array:
    """Mean logits, but equal logits (an answer withheld) within the guard's radius of a guard point.

    Artefacts: `guard_points` (m, d) float32, `places` of records, and `guard_radius` (m,).
    """
    z = mean_logits(model, x)
    z[withheld(model, x)] = 0.0
    return z


def withheld(model: Model, x: Any) -> Array:
    """Bool (n,): which answers the output guard withholds; none for a model without one."""
    if model.rule != "guard":
        return np.zeros(len(x), bool)
    points = torch.from_numpy(np.asarray(model.artefacts["guard_points"], dtype=np.float32))
    radius = torch.from_numpy(np.asarray(model.artefacts["guard_radius"], dtype=np.float32))
    parts = [_near(places(model.members[0], part), points, radius) for part in _batches(x)]
    return np.concatenate(parts)


def places(member: Member, x: Any) -> torch.Tensor:
    """Where records (n, d) float32 stand for an output guard: the network's inputs.

    Texts, and records of a whole Hugging Face network, stand where the input of the last layer is, as
    numbers of words have no distance.
    """
    z = inputs(member, x)
    if member.preprocessing.kind not in ("text", WHOLE):
        return z.flatten(1).float()
    found: list[torch.Tensor] = []
    network = copy.deepcopy(member.network).eval()
    head_of(network).register_forward_pre_hook(lambda _, given: found.append(given[0]))
    with torch.inference_mode():
        network(z)
    return torch.cat(found).flatten(1).float()  # some networks take many records in parts


def _near(z: torch.Tensor, points: torch.Tensor, radius: torch.Tensor) -> Array:
    exact = "donot_use_mm_for_euclid_dist"  # so that a record's distance to itself is 0
    return (torch.cdist(z, points, compute_mode=exact) <= radius).any(1).numpy()


RULES: dict[str, Callable[[Model, Any], Array]] = {"mean": mean_logits, "guard": guarded_logits}
