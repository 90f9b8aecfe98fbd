"""One training to do: a network with its start weights, and records, seed and preprocessing of its own."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import nn

from disgorge_core.data import preprocessing, words
from disgorge_core.errors import BadForgetSet, BadParam
from disgorge_core.models.layers import head_of
from disgorge_core.training.blueprint import Blueprint, carry, draw_words
from disgorge_core.training.inputs import DTYPES, Inputs, of_dataset, positions
from disgorge_core.training.order import by_key
from disgorge_core.types import (
    SPLITS,
    Array,
    Column,
    Dataset,
    Layer,
    Model,
    Preprocessing,
    Recipe,
)

Start = Model | Sequence[Model] | None


@dataclass(frozen=True, eq=False)
class Task:
    """One training. `rows` are ordered by key; `label` names it in messages, empty for a single one.

    `log`: how many records each batch of each epoch takes; None where they are cut evenly.
    """

    network: nn.Module
    layers: tuple[Layer, ...] | None
    preprocessing: Preprocessing
    rows: Array
    seed: int
    label: str = ""
    log: tuple[Array, ...] | None = None


@dataclass(frozen=True, eq=False)
class Job:
    """K trainings on one dataset: masks keep (K, n) within its train split, seeds, start weights."""

    data: Dataset
    plan: Blueprint
    recipe: Recipe
    keep: Array
    seeds: tuple[int, ...]
    starts: tuple[Model | None, ...]
    labels: tuple[str, ...]  # "model 3 of 100", for messages; empty for a single one

    def __len__(self) -> int:
        return len(self.seeds)


def job_of(
    data: Dataset,
    plan: Blueprint,
    recipe: Recipe,
    keep: Array,
    seeds: Sequence[int],
    start: Start = None,
) -> Job:
    """Check and complete what a caller gives; the train split is intersected here."""
    keep = np.atleast_2d(np.asarray(keep, dtype=bool)) & (data.split == SPLITS.index("train"))
    starts = (start,) * len(keep) if isinstance(start, Model | None) else tuple(start)
    if not len(keep) == len(seeds) == len(starts):
        raise BadParam(
            f"There are {len(keep)} masks, {len(seeds)} seeds and {len(starts)} starts.",
            "Give one of each for every model.",
        )
    seeds = tuple(int(seed) for seed in seeds)
    return Job(data, plan, recipe, keep, seeds, starts, labels_of("model", len(keep)))


def labels_of(what: str, count: int) -> tuple[str, ...]:
    """What each of several is called in messages."""
    return tuple(f"{what} {k + 1} of {count}" for k in range(count)) if count > 1 else ("",)


def tasks_for(job: Job) -> tuple[Inputs, list[Task]]:
    """Inputs and trainings of a job; raises BadForgetSet where nothing is left to train on."""
    rows = [_kept(job.data, *pair) for pair in zip(job.keep, job.labels, strict=True)]
    used = by_key(job.data.keys, np.flatnonzero(job.keep.any(0)))
    stated = [_stated(job.plan, start) for start in job.starts]
    given = next((p for p in stated if p is not None), None)
    _check_augment(job.recipe, given)
    inputs = of_dataset(job.data, used, given, job.plan.columns)
    fits = _Fits(job, inputs, used)
    tasks = []
    for k, own in enumerate(rows):
        p = stated[k] or fits.of(own)
        layers = job.plan.layers(preprocessing.input_shape(p, job.data.shape))
        tasks.append(Task(_network(job, k, p), layers, p, own, job.seeds[k], job.labels[k]))
    return inputs, tasks


def _check_augment(recipe: Recipe, stated: Preprocessing | None) -> None:
    if stated is not None and stated.backbone is not None and recipe.augment != "none":
        raise BadParam(
            "Pictures of a Hugging Face model cannot be changed at random: each of them is read once.",
            "Set the random changes of the recipe to none.",
        )


def _kept(data: Dataset, mask: Array, label: str) -> Array:
    rows = np.flatnonzero(mask)
    if not len(rows):
        name = label or "the model"
        raise BadForgetSet(f"No record is left to train {name} on.", "Remove fewer records.")
    return by_key(data.keys, rows)


def _stated(plan: Blueprint, start: Model | None) -> Preprocessing | None:
    if start is not None and not start.preprocessing.fitted:
        return start.preprocessing
    return plan.stated


def _network(job: Job, k: int, p: Preprocessing) -> nn.Module:
    network = job.plan.fresh(preprocessing.input_shape(p, job.data.shape), job.seeds[k])
    if p.kind == "text":
        draw_words(network, p.columns[0].values or (), job.seeds[k])
    start = job.starts[k]
    if start is not None:
        carry(network, p.columns, start.network, start.preprocessing.columns)
    elif job.recipe.trainable == "head" and job.plan.given is not None:
        head = copy.deepcopy(head_of(network).state_dict())
        carry(network, p.columns, job.plan.given, job.plan.columns)
        head_of(network).load_state_dict(head)
    return network.to(DTYPES[job.recipe.dtype]).eval()


class _Fits:
    """Preprocessing fitted to the records of each model, once for each set of records."""

    def __init__(self, job: Job, inputs: Inputs, used: Array) -> None:
        data, self.inputs, self.scaling = job.data, inputs, job.plan.scaling
        self.found: dict[bytes, Preprocessing] = {}
        if data.kind == "image":
            self.pixels = data.shape[0] * data.shape[1]
            self.sums = np.zeros((len(data), 2, data.shape[2]), dtype=np.int64)
            self.sums[used] = preprocessing.pixel_sums(data.take(used))

    def of(self, rows: Array) -> Preprocessing:
        key = rows.tobytes()
        if key not in self.found:
            made = {"image": self._pixels, "table": self._table, "text": self._text}
            self.found[key] = made[self.inputs.kind](rows)
        return self.found[key]

    def _text(self, rows: Array) -> Preprocessing:
        raw, column = self.inputs.raw[rows], self.inputs.columns[0]
        known = words.known_of(raw, column.values or ())
        return preprocessing.of_words(column.name, known, raw.shape[1])

    def _pixels(self, rows: Array) -> Preprocessing:
        return preprocessing.fit_pixels(self.sums[rows], self.pixels)

    def _table(self, rows: Array) -> Preprocessing:
        encoded = self.inputs.raw[rows]
        columns = _held(encoded, self.inputs.columns)
        own = positions(columns, self.inputs.columns)
        return preprocessing.fit_encoded(np.take(encoded, own, axis=1), columns, self.scaling)


def _held(encoded: Array, columns: Sequence[Column]) -> tuple[Column, ...]:
    """The columns with only those categories that occur in these encoded records."""
    occurs, held, first = (encoded == 1).any(0), [], 0
    for column in columns:
        here = occurs[first : first + column.width]
        first += column.width
        if column.values is not None:
            known = tuple(v for v, yes in zip(column.values, here, strict=True) if yes)
            column = replace(column, values=known)
        held.append(column)
    return tuple(held)
