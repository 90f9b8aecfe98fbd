"""One small finished case of real records for each kind of record and task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from disgorge_core import training
from disgorge_core.cases import Case, Cases
from disgorge_core.data.address import addressed
from disgorge_core.data.forget_set import from_mask
from disgorge_core.data.loading import dataset_of
from disgorge_core.models.loading import load_model
from disgorge_core.registry import EXAMPLES
from disgorge_core.types import Array, Dataset, Model, Recipe
from tests import tiny_models

SMALL = {"text": ("text_mean", {}), "image": ("mlp", {"width": 8}), "table": ("mlp", {"width": 8})}


def part(data: Dataset, count: int) -> Dataset:
    """Every so many records of a dataset, so that all splits and classes stay."""
    rows = np.unique(np.linspace(0, len(data) - 1, count).astype(int))
    meta = data.meta.iloc[rows].reset_index(drop=True)
    x = data.take(rows)
    x = x.reset_index(drop=True) if isinstance(x, pd.DataFrame) else x
    less = replace(
        data, ids=data.ids[rows], x=x, y=data.y[rows], split=data.split[rows], meta=meta, digest=""
    )
    return addressed(less)


def diabetes() -> Dataset:
    """The patients of scikit-learn's diabetes set: sex as a category, some blood values missing."""
    from sklearn.datasets import load_diabetes

    frame = load_diabetes(as_frame=True, scaled=False).frame
    frame["sex"] = frame["sex"].map({1.0: "A", 2.0: "B"})
    frame.loc[frame.index % 9 == 0, "s3"] = np.nan
    return dataset_of(frame, "diabetes", {"label": "target", "source": "sex"}, "regression")


def values(data: Dataset, column: str = "") -> Dataset:
    """The same records with numbers for targets: a column's, or the brightness of each picture."""
    y = data.meta[column].to_numpy(float) if column else np.asarray(data.x).mean((1, 2, 3))
    name = column or "brightness"
    roles, meta = replace(data.roles, label=name), data.meta.assign(**{name: y})
    new = {"y": y, "classes": (), "task": "regression", "digest": ""}
    return addressed(replace(data, roles=roles, meta=meta, **new))


DATA: dict[str, Callable[[], Dataset]] = {
    "pictures": lambda: part(EXAMPLES["digits"]().dataset(), 300),
    "table": lambda: part(EXAMPLES["adult"]().dataset(), 600),
    "numbers": diabetes,
    "texts": lambda: part(EXAMPLES["addresses"]().dataset(), 300),
    "pictures of numbers": lambda: values(part(EXAMPLES["digits"]().dataset(), 300)),
    "texts of years": lambda: values(part(EXAMPLES["addresses"]().dataset(), 300), "year"),
    "texts behind a BERT": lambda: part(EXAMPLES["addresses"]().dataset(), 150),
    "pictures behind a ViT": lambda: part(EXAMPLES["digits"]().dataset(), 150),
}


def forgotten(data: Dataset) -> Array:
    """Every ninth record, whatever its split."""
    return np.arange(len(data)) % 9 == 0


def behind(data: Dataset) -> Model:
    """A head behind a tiny backbone that transformers made for these records."""
    with TemporaryDirectory() as place:
        folder = Path(place) / "model"
        if data.kind == "text":
            tiny_models.bert(
                folder, [str(t) for t in data.x.iloc[:, 0]], data.y, data.classes, steps=5
            )
        else:
            tiny_models.vit(folder, data, data.classes, steps=5)
        return load_model(folder, data)


def made(cases: Cases, kind: str) -> Case:
    """A case of this kind with a trained model and a forget set."""
    data = DATA[kind]()
    architecture, settings = SMALL[data.kind]
    if "behind" in kind:
        architecture, settings = behind(data), {}
    recipe = Recipe(epochs=6, lr=0.05, batch=32, optimiser="adam", seed=1)
    model = training.fit(data, architecture, recipe, settings=settings, name="small")
    case = cases.create(kind, data, [model])
    cases.save_forget(case.id, from_mask(data, forgotten(data), "every ninth"))
    return case
