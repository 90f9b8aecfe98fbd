"""From raw records to a model's answer: logits of its members, put together by its rule."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import nn

from disgorge_core.data.preprocessing import transform
from disgorge_core.models.backbones.whole import WHOLE
from disgorge_core.models.layers import head_of
from disgorge_core.registry import RULES
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
        parts = [member.network(inputs(member, part)).numpy() for part in batches(x)]
    member.network.train(was_training)
    return np.concatenate(parts)


def batches(x: Any) -> list[Any]:
    """Raw records in parts of `BATCH`."""
    return [x[start : start + BATCH] for start in range(0, max(1, len(x)), BATCH)]


def logits(model: Model, x: Any) -> Array:
    """Logits (n, classes) of the whole model, its output rule included."""
    found: Array = RULES[model.rule].logits(model, x)
    return found


def probabilities(model: Model, x: Any) -> Array:
    """Probabilities (n, classes)."""
    return softmax(logits(model, x))


def softmax(z: Array) -> Array:
    """Softmax over the last axis, in float64."""
    z = z.astype(np.float64) - z.max(-1, keepdims=True)
    e = np.exp(z)
    return e / e.sum(-1, keepdims=True)


def logsumexp(z: Array, axis: int = -1) -> Array:
    """log Σ exp over an axis, without overflow."""
    top = z.max(axis, keepdims=True)
    return np.asarray(np.squeeze(top, axis) + np.log(np.exp(z - top).sum(axis)))


def mean_logits(model: Model, x: Any) -> Array:
    """Mean of the members' logits."""
    return np.mean([member_logits(member, x) for member in model.members], axis=0)


def withheld(model: Model, x: Any) -> Array:
    """Bool (n,): which answers the model's rule withholds."""
    rule = RULES[model.rule]
    found: Array = rule.withheld(model, x) if hasattr(rule, "withheld") else np.zeros(len(x), bool)
    return found


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
