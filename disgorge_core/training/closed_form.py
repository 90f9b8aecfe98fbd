"""Models in closed form: fitted exactly from sums, so that records can be taken away exactly.

After Cao & Yang 2015 ("Towards Making Systems Forget with Machine Unlearning"): a learner in summation
form is a function of `sums` alone. Removing records computes the touched blocks again
from what stays and solves again; the result has, bit for bit, the weights of a fit that never saw them.
It fails where the architecture is not linear; and precision is lost where a column's mean is far larger
than its spread (dates as numbers), as in any sum of raw squares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from disgorge_core.data.preprocessing import input_shape
from disgorge_core.errors import BadForgetSet, NotApplicable
from disgorge_core.models.layers import head_of
from disgorge_core.models.prediction import logits
from disgorge_core.training.blueprint import Blueprint, blueprint
from disgorge_core.training.inputs import of_dataset
from disgorge_core.training.results import Ids, Stack, stack_of
from disgorge_core.training.sums import (
    Layout,
    block_of,
    blocks_for,
    normal,
    preprocessing_of,
    reduced,
    sums,
    without_unseen,
)
from disgorge_core.training.task import Job
from disgorge_core.types import (
    SPLITS,
    Array,
    Dataset,
    Lineage,
    Member,
    Model,
    Progress,
    Recipe,
    Report,
)

REGIME = "closed form"
SAME = 1e-8


def has_closed_form(job: Job) -> bool:
    """Whether the architecture is solved rather than trained."""
    return hasattr(job.plan.item, "solve")


def run_closed_form(job: Job, report: Report) -> Stack:
    """Fit each model of a job; the seeds play no part."""
    models = []
    for k, (keep, label) in enumerate(zip(job.keep, job.labels, strict=True)):
        report(Progress(k / len(job), label or "adding up the records"))
        recipe = replace(job.recipe, seed=job.seeds[k])
        models.append(_fitted(job.data, job.plan, recipe, keep, label or "the model"))
    return stack_of(models)


def _fitted(data: Dataset, plan: Blueprint, recipe: Recipe, keep: Array, label: str) -> Model:
    rows = _some(np.flatnonzero(keep), label)
    inputs = of_dataset(data, rows, like=plan.columns)
    shape = inputs.raw.shape[1:]
    layout = Layout(data.kind, shape, inputs.columns, plan.outputs)
    blocks = blocks_for(layout, plan.settings["blocks"])
    gram = sums(inputs, layout, rows, blocks, range(blocks))
    model = _solved(data, plan, recipe, gram, layout)
    return replace(
        model, seen=Ids(data).seen(keep), lineage=Lineage("trained here", "known", cost=len(rows))
    )


def _some(rows: Array, label: str) -> Array:
    if not len(rows):
        raise BadForgetSet(f"No record is left to train {label} on.", "Remove fewer records.")
    return rows


def _solved(data: Dataset, plan: Blueprint, recipe: Recipe, gram: Array, layout: Layout) -> Model:
    total = reduced(gram)
    p = preprocessing_of(total, layout, plan.scaling)
    second, cross = normal(total, layout, p)
    weight, bias = plan.item.solve(second, cross, data.task, recipe.l2)
    shape = input_shape(p, data.shape)
    network = plan.fresh(shape, 0).double().eval()
    head = head_of(network)
    head.load_state_dict({"weight": torch.from_numpy(weight), "bias": torch.from_numpy(bias)})
    return Model(
        name=plan.name,
        members=(Member(network, p),),
        classes=data.classes,
        task=data.task,
        lineage=Lineage("trained here"),
        layers=plan.layers(shape),
        recipe=recipe,
        architecture=plan.name,
        architecture_settings=dict(plan.settings),
        regime=REGIME,
        regime_settings={"blocks": len(gram)},
        artefacts={"gram": gram},
    )


def with_sums(model: Model, data: Dataset) -> Model:
    """An uploaded model with the sums that exact removal needs, if they give its answers; else as it is.

    The records that it is said to have seen are added up by its recipe; where the solution answers them
    as the model does (to SAME of the largest answer) it takes the model's place.
    """
    summed = "gram" in model.artefacts
    if model.regime != REGIME or summed or model.seen is None or model.recipe is None:
        return model
    keep = _mask(data, model.seen)
    fitted = _fitted(data, blueprint(model, data), model.recipe, keep, "the model")
    x = data.take(np.flatnonzero(keep))
    own, again = logits(model, x), logits(fitted, x)
    if np.abs(own - again).max() > SAME * np.abs(own).max():
        return model
    return replace(fitted, name=model.name, lineage=model.lineage, seen=model.seen)


def remove(model: Model, data: Dataset, keep: Array) -> Model:
    """The model without the train records that are not in keep (n,): only touched blocks are added up anew.

    Raises NotApplicable without the sums, BadForgetSet if no record is left.
    """
    if "gram" not in model.artefacts or model.seen is None or model.recipe is None:
        raise NotApplicable(
            f"{model.name!r} did not keep the sums that removal needs.",
            "Train a model of the architecture ridge or nearest_mean here.",
        )
    seen = _mask(data, model.seen)
    stays = seen & np.asarray(keep, dtype=bool)
    rows = _some(np.flatnonzero(stays), "the model")
    gram, layout, cost = _updated(model, data, rows, touched(model, data, seen & ~stays))
    new = _solved(data, blueprint(model, data), model.recipe, gram, layout)
    lineage = replace(model.lineage, cost=cost, parents=(*model.lineage.parents, model.digest))
    return replace(new, name=model.name, seen=Ids(data).seen(stays), lineage=lineage)


def touched(model: Model, data: Dataset, forget: Array) -> list[int]:
    """The blocks that hold records of the mask forget (n,)."""
    blocks = len(model.artefacts["gram"])
    return np.unique(block_of(data.keys[forget], blocks)).tolist()


def _updated(
    model: Model, data: Dataset, rows: Array, which: Sequence[int]
) -> tuple[Array, Layout, int]:
    p, old = model.preprocessing, model.artefacts["gram"]
    inputs = of_dataset(data, rows, p)
    targets = 1 if data.task == "regression" else len(data.classes)
    layout = Layout(data.kind, inputs.raw.shape[1:], p.columns, targets)
    gram = np.array(old)
    gram[list(which)] = sums(inputs, layout, rows, len(old), which)
    cost = int(np.isin(block_of(data.keys[rows], len(old)), which).sum())
    return *without_unseen(gram, layout), cost


def _mask(data: Dataset, ids: Sequence[str]) -> Array:
    mask: Any = np.zeros(len(data), dtype=bool)
    mask[[data.row_of[name] for name in ids if name in data.row_of]] = True
    return mask & (data.split == SPLITS.index("train"))
