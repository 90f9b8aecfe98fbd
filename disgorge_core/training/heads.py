"""Heads for parts of the records, on layers that no record shapes: how compartments train and let go.

What the fixed layers give for a record is worked out once for all heads that stand on the same ones, for
each record alone, so that no other record plays a part in it, not even in its last digit. A head of a part
is then the same, bit for bit, whatever the other parts are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from disgorge_core import compute
from disgorge_core.data import preprocessing
from disgorge_core.errors import BadForgetSet, BadParam
from disgorge_core.models.trunk import mark, split
from disgorge_core.params import values_of
from disgorge_core.training.alone import train_each
from disgorge_core.training.blueprint import Blueprint, blueprint
from disgorge_core.training.inputs import BACKBONE, DTYPES, Inputs, network_input
from disgorge_core.training.results import Ids, Stack, models_of, stack_of
from disgorge_core.training.task import Job, Task, job_of, tasks_for
from disgorge_core.types import Array, Dataset, Model, Preprocessing, Progress, Recipe, Report

HEADS, WEIGHT = "heads", "member_weight"  # artefacts: name of each member's part, and its records
LOOKED_IN = 256  # records between two reports
Wanted = tuple[int, str, Array]  # model of a job, name of a part, its records (n,)


class Parted(Protocol):
    """A regime that gives each part of the records a head."""

    @property
    def name(self) -> str:
        """Its name in the registry."""
        ...

    def records(self, data: Dataset, keep: Array) -> dict[str, Array]:
        """Bool (n,) for each part that keep (n,) leaves: the records that its head learns from."""
        ...


def fit_heads(job: Job, regime: Parted, workers: int | None, report: Report) -> Stack:
    """Train all heads of all models of a job; raises BadForgetSet where a model has none."""
    parts = [regime.records(job.data, keep) for keep in job.keep]
    for own, label in zip(parts, job.labels, strict=True):
        if not own:
            raise BadForgetSet(
                f"No record is left to train {label or 'the model'} on.", "Remove fewer records."
            )
    wanted = [(k, name, mask) for k, own in enumerate(parts) for name, mask in own.items()]
    found = iter(_trained(job, wanted, workers, report))
    heads = [{name: next(found) for name in own} for own in parts]
    return stack_of([_joined(job, k, regime, parts[k], heads[k]) for k in range(len(job))])


def touched(regime: Parted, data: Dataset, keep: Array, forget: Array) -> dict[str, Array]:
    """The parts that stay and lose records: what each is trained again on."""
    before = regime.records(data, keep | forget)
    left = regime.records(data, keep)
    return {name: mask for name, mask in left.items() if (before[name] & ~mask).any()}


def refit_heads(
    model: Model,
    data: Dataset,
    regime: Parted,
    recipe: Recipe,
    keep: Array,
    forget: Array,
    report: Report,
) -> Model:
    """The model without the records of forget (n,): bit for bit the one that is fitted on keep (n,).

    Its cost is that of the heads that were trained again.
    """
    job = job_of(data, blueprint(model, data), recipe, keep, [recipe.seed])
    parts = regime.records(data, job.keep[0])
    wanted = [(0, name, mask) for name, mask in touched(regime, data, keep, forget).items()]
    heads = {
        name: replace(model, members=(member,), lineage=replace(model.lineage, cost=0.0))
        for name, member in zip(model.artefacts[HEADS].tolist(), model.members, strict=True)
        if name in parts
    }
    fresh = _trained(job, wanted, None, report)
    heads |= {name: head for (_, name, _), head in zip(wanted, fresh, strict=True)}
    return _joined(job, 0, regime, parts, heads)


def members_of(model: Model, found: dict[str, Array]) -> Array:
    """Bool (members, n): the records of each member's part."""
    return np.stack([found[name] for name in model.artefacts[HEADS].tolist()])


# --- training -----------------------------------------------------------------------------------


def _trained(
    job: Job, wanted: Sequence[Wanted], workers: int | None, report: Report
) -> list[Model]:
    """A model of one head for each that is wanted."""
    if not wanted:
        return []
    spread = _spread(job, wanted)
    inputs, tasks = tasks_for(spread)
    groups: dict[bytes, list[Task]] = {}
    for task in tasks:
        groups.setdefault(_shared(task, spread.recipe), []).append(task)
    for number, (key, group) in enumerate(groups.items()):
        own = _part(report, number, len(groups))
        if key:
            _on_features(group, inputs, spread.recipe, workers, own)
        else:
            train_each(group, inputs, spread.recipe, workers, own)
    return models_of(spread, tasks)


def _shared(task: Task, recipe: Recipe) -> bytes:
    """What tasks have in common that stand on the same layers; empty where these must be passed each time."""
    fixed = recipe.trainable == "head" and recipe.augment == "none"
    return (mark(task) or b"") if fixed else b""


def _spread(job: Job, wanted: Sequence[Wanted]) -> Job:
    """The job of all wanted heads."""
    _refuse_starts(job)
    stated = job.plan.stated
    behind = stated is not None and stated.backbone is not None and stated.kind == BACKBONE
    return replace(
        job,
        plan=_data_free(job.plan, job.data),
        recipe=job.recipe if behind else replace(job.recipe, trainable="head"),
        keep=np.stack([mask for _, _, mask in wanted]),
        seeds=tuple(job.seeds[k] for k, _, _ in wanted),
        starts=tuple(job.starts[k] for k, _, _ in wanted),
        labels=tuple(", ".join(filter(None, (job.labels[k], name))) for k, name, _ in wanted),
    )


def _data_free(plan: Blueprint, data: Dataset) -> Blueprint:
    """A plan whose layers before the head come with a backbone, or from the seed.

    Pictures are read by constants, so that all parts read them alike; what tables and texts hold differs
    from part to part, and how they are read is fitted to each.
    """
    if plan.stated is not None and plan.stated.backbone is not None:
        return plan
    stated = plan.stated
    if stated is None and data.kind == "image":
        middle, width = ([value] * data.shape[2] for value in (0.5, 0.25))
        stated = preprocessing.fixed_pixels(data.shape[2], middle, width)
    return replace(plan, given=None, stated=stated)


def _refuse_starts(job: Job) -> None:
    """All heads would stand on the start weights, and a head that is trained again could not."""
    if any(start is not None for start in job.starts):
        raise BadParam(
            "Heads stand on layers drawn from the seed or on a fixed backbone, not on start weights.",
            "Start from scratch.",
        )


def _on_features(
    tasks: Sequence[Task], inputs: Inputs, recipe: Recipe, workers: int | None, report: Report
) -> None:
    """Train the heads in place on what the layers that they share give for each record."""
    parts = [split(task.network) for task in tasks]
    assert parts[0] is not None
    rows = np.unique(np.concatenate([task.rows for task in tasks]))
    with compute.threads(recipe.threads):
        raw = _given(parts[0], tasks[0].preprocessing, inputs, rows, recipe, report)
    heads = [_head_task(task, part[1]) for task, part in zip(tasks, parts, strict=True) if part]
    of_features = Inputs(raw, inputs.y, inputs.keys, BACKBONE, inputs.task)
    train_each(heads, of_features, recipe, workers, report)


def _given(
    parts: tuple[nn.Sequential, nn.Linear],
    p: Preprocessing,
    inputs: Inputs,
    rows: Array,
    recipe: Recipe,
    report: Report,
) -> Array:
    """What the head is given (n, width) for these rows, each of them alone; zeros for others."""
    trunk, head = parts
    found = torch.zeros(len(inputs.raw), head.in_features, dtype=DTYPES[recipe.dtype])
    with torch.inference_mode():
        for number, row in enumerate(rows.tolist()):
            if number % LOOKED_IN == 0:
                report(Progress(0.0, f"record {number + 1:,} of {len(rows):,} in the fixed layers"))
            x = network_input(p, inputs, inputs.raw[row : row + 1], recipe.dtype)
            found[row] = trunk(x)[0]
    return found.numpy()


def _head_task(task: Task, head: nn.Linear) -> Task:
    """The same training of the head alone; its weights are those of the whole network."""
    layers = task.layers[-1:] if task.layers else None
    zeros, ones = np.zeros(head.in_features), np.ones(head.in_features)
    as_it_is = Preprocessing(BACKBONE, zeros, ones, fitted=False)
    name = layers[0].name if layers else ""
    network = nn.Sequential()
    network.add_module(name.replace(".", "__") or "linear_0", head)
    return replace(task, network=network, layers=layers, preprocessing=as_it_is)


def _part(report: Report, number: int, count: int) -> Report:
    """Progress of one of several as that of all."""
    return lambda p: report(replace(p, share=(number + p.share) / count))


def _joined(
    job: Job, k: int, regime: Parted, parts: dict[str, Array], heads: dict[str, Model]
) -> Model:
    """One model from the heads of its parts, in the order of the parts."""
    settings: dict[str, Any] = values_of(regime)
    first = heads[next(iter(parts))]
    counts = [int(mask.sum()) for mask in parts.values()]
    return replace(
        first,
        members=tuple(heads[name].members[0] for name in parts),
        rule="weighted",
        regime=regime.name,
        regime_settings=settings,
        artefacts={HEADS: np.array(list(parts)), WEIGHT: np.array(counts, dtype=np.float64)},
        seen=Ids(job.data).seen(job.keep[k], job.starts[k]),
        lineage=replace(first.lineage, cost=sum(heads[name].lineage.cost for name in parts)),
    )
