"""Linear models whose bounds can be stated: records of length at most 1, one optimum.

The layers before the last one are fixed in advance: pictures are divided by 255, numbers are taken as they
are, and records longer than 1 are shortened to length 1. An intercept is the weight of one more input, √½
for every record, for which the other inputs are scaled by √½: so it is held back like all weights, and the
length stays at most 1. Where the reading is fitted to the data instead, the accounting drops what may be
claimed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from disgorge_core.data import preprocessing
from disgorge_core.errors import BadParam
from disgorge_core.models.layers import WITH_WEIGHTS, head_of
from disgorge_core.models.prediction import batches, inputs
from disgorge_core.params import make
from disgorge_core.registry import ARCHITECTURES
from disgorge_core.training.blueprint import Blueprint
from disgorge_core.training.results import models_of
from disgorge_core.training.task import Job, tasks_for
from disgorge_core.types import Array, Dataset, Layer, Member, Model, Preprocessing

FIXED, FITTED = "fixed", "fitted"
CONSTANT = math.sqrt(0.5)  # the input whose weight is the intercept
WIDEST = 4096  # inputs: their curvature is a matrix of this side
NOT_LINEAR = (
    "Its bound holds for a linear model of pictures or tables: choose the architecture {title}."
)
CATEGORIES = (
    "Its columns {columns} hold categories, whose values are found in the data: let the reading be "
    "fitted, and the bound is no longer claimed."
)


def why_not_convex(data: Dataset, architecture: str, reading: str) -> str | None:
    """Why a model of this architecture cannot be trained convexly on these records."""
    if architecture in ARCHITECTURES and not _linear(data, architecture):
        return NOT_LINEAR.format(title=ARCHITECTURES["linear"].title)
    width = int(np.prod(data.shape))
    if width > WIDEST:
        return f"A record has {width:,} numbers, more than {WIDEST:,}: use smaller pictures, or a head."
    found = _categories(data) if reading == FIXED else []
    return CATEGORIES.format(columns=", ".join(found[:5])) if found else None


def _linear(data: Dataset, architecture: str) -> bool:
    item = make(ARCHITECTURES[architecture], {})
    fits = data.kind in item.kinds and not hasattr(item, "solve") and data.kind != "text"
    return fits and _only_linear(item.layers(data.shape, max(1, len(data.classes))))


def _only_linear(layers: Sequence[Layer] | None) -> bool:
    return [x.kind for x in layers or () if x.kind in WITH_WEIGHTS] == ["linear"]


def _categories(data: Dataset) -> list[str]:
    if data.kind != "table":
        return []
    return [c.name for c in preprocessing.columns_of(data.x) if c.values is not None]


def drafts(job: Job, reading: str, l2: float, intercept: bool = False) -> list[Model]:
    """A model for each of the job, read and built convexly, its weights still to be set (float64).

    Raises BadParam where the network is not one linear layer, or the reading cannot be fixed in advance.
    """
    plan = _plan(job, reading, intercept)
    recipe = replace(job.recipe, l2=l2, dtype="float64", augment="none", trainable="all")
    job = replace(job, plan=plan, recipe=recipe, starts=(None,) * len(job))
    _, tasks = tasks_for(job)
    return models_of(job, tasks)


def _plan(job: Job, reading: str, intercept: bool) -> Blueprint:
    plan, data = job.plan, job.data
    stated = plan.stated or (_fixed(data) if reading == FIXED else None)
    shape = data.shape if stated is None else preprocessing.input_shape(stated, data.shape)
    layers = plan.layers(shape)
    if not _only_linear(layers):
        raise BadParam(NOT_LINEAR.format(title=ARCHITECTURES["linear"].title))
    return replace(
        plan, stated=stated, plain=_in_ball(layers or (), intercept), item=None, given=None, columns=()
    )  # fmt: skip


def _fixed(data: Dataset) -> Preprocessing:
    if data.kind == "image":
        return preprocessing.fixed_pixels(data.shape[2])
    found = _categories(data)
    if found:
        raise BadParam(CATEGORIES.format(columns=", ".join(found[:5])))
    return preprocessing.fixed_numbers([str(name) for name in data.x.columns])


def _in_ball(layers: Sequence[Layer], intercept: bool) -> tuple[Layer, ...]:
    """The layers with records in the unit ball before the last one."""
    kept = [x for x in layers if x.kind in ("flatten", "linear")]
    head = replace(kept[-1], options={**kept[-1].options, "bias": intercept})
    ball = Layer("unit_ball", options={"reach": CONSTANT if intercept else 1.0})
    return (*kept[:-1], ball, head)


def seen_by_head(member: Member, x: object) -> Array:
    """What the last layer reads of raw records: (n, d) float64."""
    network, found = member.network, []
    handle = head_of(network).register_forward_pre_hook(lambda _, given: found.append(given[0]))
    try:
        with torch.inference_mode():
            for part in batches(x):
                network(inputs(member, part))
    finally:
        handle.remove()
    return torch.cat(found).double().numpy()


def design(member: Member, x: object) -> Array:
    """What the weights multiply: inputs of the last layer (n, d), and the constant of an intercept."""
    z = seen_by_head(member, x)
    if head_of(member.network).bias is None:
        return z
    return np.hstack([z, np.full((len(z), 1), CONSTANT)])


def with_weights(model: Model, weights: Array) -> Model:
    """The model with these weights (classes, d) for its `design`, in a network of its own."""
    assert isinstance(model.network, nn.Sequential)
    parts = dict(model.network.named_children())
    head = head_of(model.network)
    name = next(name for name, part in parts.items() if part is head)
    inside, own = head.in_features, head.bias is not None
    fresh = nn.Linear(inside, head.out_features, bias=own, dtype=torch.float64)
    with torch.no_grad():
        fresh.weight.copy_(torch.from_numpy(np.ascontiguousarray(weights[:, :inside])))
        if own:
            fresh.bias.copy_(torch.from_numpy(CONSTANT * weights[:, inside]))
    network = nn.Sequential()
    for place, part in (parts | {name: fresh}).items():
        network.add_module(place, part)
    return replace(model, members=(replace(model.members[0], network=network.eval()),))


def weights_of(model: Model) -> Array:
    """The weights (classes, d) for the model's `design`."""
    head = head_of(model.network)
    w = np.array(head.weight.detach().numpy(), dtype=np.float64)
    return (
        w if head.bias is None else np.hstack([w, head.bias.detach().numpy()[:, None] / CONSTANT])
    )
