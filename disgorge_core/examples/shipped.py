"""Worked examples: real data with a model, its recorded recipe and a suggested forget set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import pandas as pd

from disgorge_core.data.address import addressed
from disgorge_core.models.saved import load_model_folder
from disgorge_core.registry import EXAMPLES
from disgorge_core.types import Array, Dataset, ForgetSet, Model, Recipe, Roles

ASSETS = Path(__file__).parents[2] / "assets" / "examples"


@dataclass(frozen=True)
class Planned:
    """A model that an example ships: the folder it lies in, and all that makes it again."""

    folder: str
    architecture: str
    recipe: Recipe
    settings: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""  # what a visitor reads; "<folder> model" if empty


class WorkedExample(Protocol):
    """The shape of every registered example; `story` is what a visitor reads before opening it."""

    name: ClassVar[str]
    title: ClassVar[str]
    story: ClassVar[str]
    order: ClassVar[int]
    models: ClassVar[tuple[Planned, ...]]

    def dataset(self) -> Dataset:
        """The real data."""
        ...

    def suggested(self, data: Dataset) -> tuple[ForgetSet, ...]:
        """The forget sets that the story is about, the one to begin with first."""
        ...


@dataclass(frozen=True, eq=False)
class Example:
    """An opened example: `models` as shipped, `forgets` as suggested."""

    name: str
    title: str
    story: str
    dataset: Dataset
    models: tuple[Model, ...]
    forgets: tuple[ForgetSet, ...]

    @property
    def model(self) -> Model:
        """The first of the models."""
        return self.models[0]

    @property
    def forget(self) -> ForgetSet:
        """The first of the forget sets."""
        return self.forgets[0]


def example(name: str) -> Example:
    """A worked example by name; raises DisgorgeError that lists the known ones."""
    kind = EXAMPLES[name]()
    data = kind.dataset()
    models = tuple(load_model_folder(model_folder(planned)) for planned in kind.models)
    return Example(name, kind.title, kind.story, data, models, kind.suggested(data))


def model_folder(planned: Planned) -> Path:
    """Where a model of an example is shipped."""
    return ASSETS / "models" / planned.folder


def arrays(folder: str, file: str) -> dict[str, Array]:
    """The arrays of a shipped file; nothing in it is unpickled."""
    with np.load(ASSETS / folder / file, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def named(codes: Array, names: Sequence[str] | Array) -> Any:
    """A column of categories from codes (n,) into names."""
    return pd.Categorical.from_codes(
        codes.astype(np.int64), categories=pd.Index([str(n) for n in names])
    )


def pictures(
    name: str, found: dict[str, Array], classes: tuple[str, ...], meta: pd.DataFrame, roles: Roles,
    licence: str, label: str = "label",
) -> Dataset:  # fmt: skip
    """A dataset of pictures from the arrays x, ids, split and `label` (codes into `classes`)."""
    ids, x, split = found["ids"].astype(str), found["x"], found["split"].astype(np.int8)
    y = found[label].astype(np.int64)
    meta = meta.assign(**{roles.label: named(y, classes)})
    data = Dataset(
        name, "image", "classification", ids, x, y, classes, split, meta, roles, "", licence
    )
    return addressed(data)
