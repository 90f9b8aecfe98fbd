"""Heads for parts of the records, on layers that no record shapes: how compartments train and let go.

What the fixed layers give for a record is worked out once for all heads that stand on the same ones, for
each record alone, so that no other record plays a part in it, not even in its last digit. A head of a part,
and where its records lie for the rule `nearest_heads`, are then the same whatever the other parts are.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from disgorge_core import compute
from disgorge_core.data import preprocessing
from disgorge_core.errors import BadForgetSet, BadParam
from disgorge_core.models.layers import head_of, module_names
from disgorge_core.models.rules.nearest_heads import (
    NearestHeads,
    Places,
    packed,
    places_of,
    unpacked,
)
from disgorge_core.models.trunk import entering, mark
from disgorge_core.params import values_of
from disgorge_core.training.alone import train_each
from disgorge_core.training.blueprint import Blueprint, blueprint
from disgorge_core.training.inputs import BACKBONE, Inputs, network_input, read_by
from disgorge_core.training.results import Ids, Stack, models_of, stack_of
from disgorge_core.training.task import Job, Task, job_of, tasks_for
from disgorge_core.types import Array, Dataset, Model, Preprocessing, Progress, Recipe, Report

HEADS = "heads"  # artefact: the name of each member's part
AT_ONCE = 256  # records that are read together, between two reports
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
    old = replace(model, lineage=replace(model.lineage, cost=0.0))
    wanted = [(0, name, mask) for name, mask in touched(regime, data, keep, forget).items()]
    heads = {
        name: replace(old, members=(member,), artefacts=packed([own]))
        for name, member, own in zip(
            model.artefacts[HEADS].tolist(), model.members, unpacked(model.artefacts), strict=True
        )
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
    groups: dict[bytes, list[int]] = {}
    for number, task in enumerate(tasks):
        groups.setdefault(_shared(task, spread.recipe), []).append(number)
    places: dict[int, Places] = {}
    for done, (key, group) in enumerate(groups.items()):
        work = _Work(
            [tasks[k] for k in group], inputs, spread.recipe, _part(report, done, len(groups))
        )
        places |= zip(group, work.on_features() if key else work.as_a_whole(workers), strict=True)
    heads = enumerate(models_of(spread, tasks))
    return [replace(head, artefacts=packed([places[k]])) for k, head in heads]


def _shared(task: Task, recipe: Recipe) -> bytes:
    """What tasks have in common that stand on the same layers; empty where these must be passed each time."""
    fixed = recipe.trainable == "head" and recipe.augment == "none"
    return mark(task) if fixed else b""


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


@dataclass(frozen=True, eq=False)
class _Work:
    """Trainings of heads in place, and where the records of each lie."""

    tasks: Sequence[Task]
    inputs: Inputs
    recipe: Recipe
    report: Report

    def on_features(self) -> list[Places]:
        """On what the layers that they all share give for each record: light work, for one process."""
        rows = np.unique(np.concatenate([task.rows for task in self.tasks]))
        z = self._given(self.tasks[0], rows, "in the fixed layers")
        raw = np.zeros((len(self.inputs.raw), z.shape[1]), dtype=z.dtype)
        raw[rows] = z
        inputs = replace(self.inputs, raw=raw, kind=BACKBONE, columns=())
        train_each([_alone(task) for task in self.tasks], inputs, self.recipe, 1, self.report)
        return [self._places(task, raw[task.rows]) for task in self.tasks]

    def as_a_whole(self, workers: int | None) -> list[Places]:
        """Through all layers in each step, as these learn too, or pictures change."""
        train_each(self.tasks, self.inputs, self.recipe, workers, self.report)
        return [
            self._places(task, self._given(task, task.rows, "once more")) for task in self.tasks
        ]

    def _places(self, task: Task, z: Array) -> Places:
        classes = self.inputs.task == "classification"
        return places_of(z, self.inputs.y[task.rows] if classes else None)

    def _given(self, task: Task, rows: Array, where: str) -> Array:
        """What the head is given for these rows (m, d), each of them alone."""
        inputs, p, found = read_by(self.inputs, task.preprocessing), task.preprocessing, []
        step = (
            1 if inputs.kind == "text" else AT_ONCE
        )  # how long a text is read as depends on others
        with torch.inference_mode(), compute.threads(self.recipe.threads):
            for start in range(0, len(rows), step):
                if start % AT_ONCE == 0:
                    self.report(Progress(0.0, f"record {start + 1:,} of {len(rows):,} {where}"))
                raw = inputs.raw[rows[start : start + step]]
                for x in network_input(p, inputs, raw, self.recipe.dtype):
                    found.append(entering(task.network, x[None].clone())[0][0].numpy())
        return np.stack(found)


def _alone(task: Task) -> Task:
    """The same training of the head alone; its weights are those of the whole network."""
    head = head_of(task.network)
    layers = task.layers[-1:] if task.layers else None
    zeros, ones = np.zeros(head.in_features), np.ones(head.in_features)
    as_it_is = Preprocessing(BACKBONE, zeros, ones, fitted=False)
    name = module_names(layers)[0] if layers else HEADS
    network = nn.Sequential(OrderedDict({name: head}))
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
    places = [unpacked(heads[name].artefacts)[0] for name in parts]
    return replace(
        first,
        members=tuple(heads[name].members[0] for name in parts),
        rule=NearestHeads.name,
        regime=regime.name,
        regime_settings=settings,
        artefacts={HEADS: np.array(list(parts)), **packed(places)},
        seen=Ids(job.data).seen(job.keep[k], job.starts[k]),
        lineage=replace(first.lineage, cost=sum(heads[name].lineage.cost for name in parts)),
    )
