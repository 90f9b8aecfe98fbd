"""Datasets of made-up records: as arrays to be kept with a model, as a dataset, and trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from disgorge_core.training import Job, train_job
from disgorge_core.training.results import Ids
from disgorge_core.types import Array, Dataset, Model, Recipe, Roles, digest_of

PICTURES, Y, SOURCE, COLUMN = "emulated_x", "emulated_y", "emulated_source", "emulated_column/"


@dataclass(frozen=True, eq=False)
class Made:
    """Made-up records of one source: raw x, and y (m,)."""

    x: Any
    y: Array

    def __len__(self) -> int:
        return len(self.y)


def artefacts_of(made: Mapping[str, Made]) -> dict[str, Array]:
    """Arrays that hold the records of all sources, in the order of their names."""
    names = sorted(made)
    source = np.concatenate([np.full(len(made[name]), name) for name in names])
    found = {Y: np.concatenate([made[name].y for name in names]), SOURCE: source}
    if not isinstance(made[names[0]].x, pd.DataFrame):
        return found | {PICTURES: np.concatenate([made[name].x for name in names])}
    table = pd.concat([made[name].x for name in names], ignore_index=True)
    return found | {f"{COLUMN}{name}": _array(table[name]) for name in table.columns}


def made_of(artefacts: Mapping[str, Array]) -> dict[str, Made]:
    """The records of each source, from what `artefacts_of` gave."""
    source = artefacts[SOURCE]
    if PICTURES in artefacts:
        x: Any = artefacts[PICTURES]
    else:
        columns = {n.removeprefix(COLUMN): a for n, a in artefacts.items() if n.startswith(COLUMN)}
        x = pd.DataFrame({name: _series(a) for name, a in columns.items()})
    found = {}
    for name in np.unique(source).tolist():
        rows = np.flatnonzero(source == name)
        own = x.iloc[rows].reset_index(drop=True) if isinstance(x, pd.DataFrame) else x[rows]
        found[name] = Made(own, artefacts[Y][rows])
    return found


def dataset_of(data: Dataset, made: Mapping[str, Made]) -> Dataset:
    """A dataset of made-up records only, in the place of `data`."""
    arrays = artefacts_of(made)
    names: Sequence[str] = arrays[SOURCE].tolist()
    ids = np.array([f"made up {name} {k}" for k, name in enumerate(names)], dtype=object)
    if PICTURES in arrays:
        x: Any = arrays[PICTURES]
    else:
        x = pd.concat([made[name].x for name in sorted(made)], ignore_index=True)
    return Dataset(
        name=f"{data.name}, emulated", kind=data.kind, task=data.task, ids=ids, x=x, y=arrays[Y],
        classes=data.classes, split=np.zeros(len(ids), dtype=data.split.dtype),
        meta=pd.DataFrame({"source": names}), roles=Roles(source="source"),
        digest=digest_of([data.digest, "emulated"]),
    )  # fmt: skip


def train_on(
    job: Job, k: int, made: Mapping[str, Made], recipe: Recipe, workers: int | None, extra: float
) -> Model:
    """Model k of a job, trained on made-up records only; making them cost `extra` record-passes."""
    data = dataset_of(job.data, made)
    alone = Job(
        data, job.plan, recipe, np.ones((1, len(data)), dtype=bool), (job.seeds[k],), (job.starts[k],),
        (job.labels[k],),
    )  # fmt: skip
    model = train_job(alone, workers).models[0]
    return replace(
        model,
        recipe=replace(job.recipe, seed=job.seeds[k]),
        seen=Ids(job.data).seen(job.keep[k], job.starts[k]),
        lineage=replace(model.lineage, cost=model.lineage.cost + extra),
    )


def _array(values: pd.Series) -> Array:
    if pd.api.types.is_numeric_dtype(values):
        return values.to_numpy(dtype=np.float64)
    return values.fillna("").to_numpy(dtype=str)


def _series(values: Array) -> pd.Series:
    if values.dtype.kind == "f":
        return pd.Series(values)
    return pd.Series(values, dtype="string").replace("", pd.NA)
