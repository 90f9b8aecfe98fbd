"""Worked examples: real data with a model, its recorded recipe and a suggested forget set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import pandas as pd

from disgorge_core.data.address import addressed
from disgorge_core.models.saved import load_model_folder
from disgorge_core.registry import EXAMPLES
from disgorge_core.types import Array, Dataset, ForgetSet, Model, Recipe, Roles

ASSETS = Path(__file__).parents[2] / "assets" / "examples"


class WorkedExample(Protocol):
    """The shape of every registered example; `story` is what a visitor reads before opening it."""

    name: ClassVar[str]
    title: ClassVar[str]
    story: ClassVar[str]
    order: ClassVar[int]
    architecture: ClassVar[str]
    settings: ClassVar[dict[str, Any]]
    recipe: ClassVar[Recipe]

    def dataset(self) -> Dataset:
        """The real data."""
        ...

    def suggested(self, data: Dataset) -> ForgetSet:
        """The forget set that the story is about."""
        ...


@dataclass(frozen=True, eq=False)
class Example:
    """An opened example: `models` as shipped, `forget` as suggested."""

    name: str
    title: str
    story: str
    dataset: Dataset
    models: tuple[Model, ...]
    forget: ForgetSet

    @property
    def model(self) -> Model:
        """The first of the models."""
        return self.models[0]


def example(name: str) -> Example:
    """A worked example by name; raises DisgorgeError that lists the known ones."""
    kind = EXAMPLES[name]()
    data = kind.dataset()
    model = load_model_folder(model_folder(name))
    return Example(name, kind.title, kind.story, data, (model,), kind.suggested(data))


def model_folder(name: str) -> Path:
    """Where an example's model is shipped."""
    return ASSETS / "models" / name


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
