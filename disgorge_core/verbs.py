"""The verbs of the library: resolve what an estimator, a projection or a prediction needs, and do it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from disgorge_core import features
from disgorge_core.disgorging import disgorge
from disgorge_core.errors import BadParam
from disgorge_core.models.prediction import probabilities
from disgorge_core.params import make
from disgorge_core.registry import ESTIMATORS, PROJECTIONS
from disgorge_core.types import Array, Dataset, Embedding, Model, Report, Scores, silent

__all__ = ["disgorge", "embed", "influence", "predict"]


def influence(
    model: Model,
    data: Dataset,
    queries: str | Array = "test",
    estimator: str = "ekfac",
    *,
    target: str = "margin",
    report: Report = silent,
    **settings: Any,
) -> Scores:
    """Influence (n_train, n_query) of the training records on each query's margin or loss.

    `queries` is a split or row numbers; the training records are those that the model saw.
    """
    rows = data.rows(queries) if isinstance(queries, str) else np.asarray(queries)
    chosen = make(ESTIMATORS[estimator], settings)
    return chosen.score(model, data, seen_rows(model, data), rows, target=target, report=report)


def seen_rows(model: Model, data: Dataset) -> Array:
    """Row numbers of the records that a model was trained on; raises BadParam where unknown."""
    if model.seen is None:
        raise BadParam(
            "It is unknown which records this model was trained on.",
            "State them on the Model page.",
        )
    return np.array(sorted(data.row_of[name] for name in model.seen if name in data.row_of))


def embed(
    models: Model | Sequence[Model],
    data: Dataset,
    projection: str = "umap",
    *,
    layer: str | None = None,
    rows: Array | None = None,
    seed: int = 0,
    report: Report = silent,
) -> Embedding:
    """One joint map of the records as several models see them; the first model sets the frame."""
    models = [models] if isinstance(models, Model) else list(models)
    rows = np.arange(len(data)) if rows is None else rows
    found = [features.activations(model, data.take(rows), layer) for model in models]
    found = [found[0], *(features.align(f, found[0], np.arange(len(rows))) for f in found[1:])]
    chosen = PROJECTIONS[projection]()
    return Embedding(chosen.project(found, seed=seed, report=report), rows, projection)


def predict(model: Model, records: Any) -> Array:
    """Probabilities (m, classes) for raw records, as the dataset holds them."""
    return probabilities(model, records)
