"""Pipelines of scikit-learn on a small table, and what they answer."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

from disgorge_core.data.loading import dataset_of
from disgorge_core.models.scikit.archive import loaded
from disgorge_core.models.scikit.estimators import described
from disgorge_core.models.scikit.pipeline import Pipeline
from disgorge_core.types import Dataset

NUMBERS, WORDS = ["age", "income"], ["work"]


def frame(n: int = 240, gaps: bool = True, classes: int = 3, seed: int = 0) -> pd.DataFrame:
    """Two numbers (one with gaps), a category (with gaps) and a small whole number."""
    rng = np.random.default_rng(seed)
    age, income = rng.normal(40, 12, n), rng.lognormal(2, 0.7, n)
    work = np.array(["clerk", "farmer", "smith"], dtype=object)[rng.integers(0, 3, n)]
    score = age / 12 + 1.5 * (work == "smith") - 0.5 * np.log(income) + rng.normal(0, 0.4, n)
    if gaps:
        income[rng.random(n) < 0.15] = np.nan
        work[rng.random(n) < 0.1] = np.nan
    table = pd.DataFrame(
        {"age": age, "income": income, "work": work, "rooms": rng.integers(1, 4, n)}
    )
    names = np.array(["no", "yes", "maybe"] if classes == 3 else ["no", "yes"])
    cuts = np.quantile(score, [1 / 3, 2 / 3] if classes == 3 else [0.5])
    return table.assign(answer=names[np.digitize(score, cuts)], score=score)


def dataset(table: pd.DataFrame, label: str = "answer") -> Dataset:
    """The table as a dataset whose features are all columns but both labels."""
    other = "score" if label == "answer" else "answer"
    parts = {"label": label, "id": "", "owner": "", "source": "", "split": ""}
    task = "classification" if label == "answer" else "regression"
    return dataset_of(table.drop(columns=other), "small", parts, task)


def scaled() -> Any:
    return StandardScaler()


def usual() -> Any:
    """Means for missing numbers, then scaling; one-hot."""
    return ColumnTransformer(
        [("num", make_pipeline(SimpleImputer(), StandardScaler()), NUMBERS),
         ("cat", OneHotEncoder(handle_unknown="ignore"), WORDS)]
    )  # fmt: skip


def medians() -> Any:
    """Medians, ranges, the commonest word; the rest as it is."""
    filled = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder())
    return ColumnTransformer(
        [("num", make_pipeline(SimpleImputer(strategy="median"), MinMaxScaler()), NUMBERS),
         ("cat", filled, WORDS)], remainder="passthrough",
    )  # fmt: skip


def everything_scaled() -> Any:
    """One-hot columns are scaled as well, missing words are a category of their own."""
    parts = ColumnTransformer(
        [("num", SimpleImputer(strategy="constant", fill_value=-1.0), NUMBERS),
         ("cat", OneHotEncoder(), WORDS), ("int", OneHotEncoder(drop="first"), ["rooms"])],
        sparse_threshold=0,
    )  # fmt: skip
    return make_pipeline(parts, StandardScaler())


def fitted(before: Any, model: Any, table: pd.DataFrame, label: str = "answer") -> Any:
    """The pipeline, fitted on the whole table."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an MLP of few steps has not converged
        features = table[[*NUMBERS, *WORDS, "rooms"]]
        return make_pipeline(before, model).fit(features, table[label])


def file_of(pipeline: Any) -> bytes:
    import skops.io

    buffer = io.BytesIO()
    skops.io.dump(pipeline, buffer)
    return buffer.getvalue()


def read(pipeline: Any, folder: Path) -> Pipeline:
    """As the limited process does it, in this one."""
    path = folder / "model.skops"
    path.write_bytes(file_of(pipeline))
    about, arrays = described(loaded(path, 2**30))
    return Pipeline({**about, "seconds": 0.0}, arrays)
