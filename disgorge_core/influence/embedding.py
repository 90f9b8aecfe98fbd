"""Likeness of features as a stand-in for influence: the baseline that every estimator must beat.

Cosine of the inputs of the last layer, counted + for records of the query's class and - for others. It
knows nothing of the loss or the curvature and has no unit of change. Measured, it ranks the most helpful
records nearly as well as influence functions, and sums over many records badly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from disgorge_core.features import activations
from disgorge_core.influence.contract import asked, for_classes, guard_note, scores_of
from disgorge_core.registry import ESTIMATORS
from disgorge_core.types import Array, Dataset, Model, Progress, Report, Scores, silent


@ESTIMATORS.register
@dataclass(frozen=True)
class Alike:
    """Cosine of features, + for the same class and - for others."""

    name = "embedding"
    title = "Likeness of features (baseline)"
    unit = "Likeness from -1 to 1; not a change of the output."
    limits = "It knows nothing of the loss or the weights; sums over many records rank badly."
    order = 60
    tasks = ("classification",)

    def score(
        self,
        model: Model,
        data: Dataset,
        train_rows: Array,
        query_rows: Array,
        *,
        target: str = "margin",
        report: Report = silent,
    ) -> Scores:
        """Scores of all pairs; raises NotApplicable for regression, which has no classes."""
        asked(model, train_rows, query_rows, target)
        for_classes(model, "Likeness")
        train = _unit(activations(model, data.take(train_rows)))
        report(Progress(0.5, "reading features"))
        query = _unit(activations(model, data.take(query_rows)))
        same = data.y[train_rows][:, None] == data.y[query_rows][None]
        sign = 1.0 if target == "margin" else -1.0
        return scores_of(
            (train @ query.T) * np.where(same, sign, -sign),
            data,
            train_rows,
            query_rows,
            unit="likeness, -1 to 1",
            estimator=self.name,
            passes=(len(train_rows) + len(query_rows)) / 3,
            notes=guard_note(model),
        )


def _unit(features: Array) -> Array:
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
