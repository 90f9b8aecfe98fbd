"""Shapley values of the training records for nearest neighbours in the model's feature space.

The game: of a set S of training records, the k nearest to the query vote, and v(S) is the share 1/k of
votes for the query's class, v(∅) = 0. A record's Shapley value is what it adds to v in the mean over all
orders in which records may arrive. With records sorted from nearest 1 to farthest n, and r_i whether record i
is of the class (Jia et al. 2019, arXiv 1908.08619, theorem 1):

    s_n = r_n min(k, n) / (k n),    s_i = s_{i+1} + (r_i - r_{i+1}) min(k, i) / (k i)

It is exact, and the values of one query sum to v of all records. It values records for a vote of neighbours,
which stands in for the model: what the last layer does with the features plays no part.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from disgorge_core.errors import NotApplicable
from disgorge_core.features import activations
from disgorge_core.influence.contract import asked, for_classes, guard_note, scores_of
from disgorge_core.params import param
from disgorge_core.registry import ESTIMATORS
from disgorge_core.types import Array, Dataset, Model, Progress, Report, Scores, silent

BLOCK = 256  # queries sorted at once


@ESTIMATORS.register
@dataclass(frozen=True)
class KnnShapley:
    """Exact Shapley values for a vote of the nearest neighbours."""

    name = "knn_shapley"
    title = "Shapley values of nearest neighbours"
    unit = "Part in the probability that the nearest neighbours vote for the right class."
    limits = "It values records for a vote of neighbours in the model's features, not for the model itself."
    order = 70
    tasks = ("classification",)

    neighbours: int = param(5, help="How many of the nearest records vote", min=1, max=1000)

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
        """Values of all pairs; turned round for the loss. Raises NotApplicable for regression."""
        asked(model, train_rows, query_rows, target)
        for_classes(model, "A vote of neighbours")
        y, wanted = data.y[train_rows], data.y[query_rows]
        if not np.isin(wanted, y).any():
            raise NotApplicable(
                "No training record is of the class of any query.", "Choose other queries."
            )
        train, query = (activations(model, data.take(rows)) for rows in (train_rows, query_rows))
        found = np.empty((len(y), len(wanted)), np.float32)
        for start in range(0, len(wanted), BLOCK):
            part = slice(start, start + BLOCK)
            distance = torch.cdist(torch.from_numpy(query[part]), torch.from_numpy(train)).numpy()
            found[:, part] = shapley(distance, y == wanted[part, None], self.neighbours).T
            report(Progress(min(1.0, (start + BLOCK) / len(wanted)), "valuing training records"))
        return scores_of(
            found if target == "margin" else -found,
            data,
            train_rows,
            query_rows,
            unit="share of the nearest neighbours' votes, 0 to 1",
            estimator=self.name,
            passes=(len(train_rows) + len(query_rows)) / 3,
            notes=guard_note(model),
        )


def shapley(distance: Array, right: Array, k: int) -> Array:
    """Shapley values (m, n) of n records for m queries: distances (m, n), and which are right (m, n)."""
    order = distance.argsort(1, kind="stable")
    r = np.take_along_axis(right, order, 1).astype(np.float64)
    place = np.arange(1, r.shape[1] + 1)
    weight = np.minimum(k, place) / (k * place)
    steps = r * weight
    steps[:, :-1] -= r[:, 1:] * weight[:-1]
    values = steps[:, ::-1].cumsum(1)[:, ::-1]
    found = np.empty_like(values)
    np.put_along_axis(found, order, values, 1)
    return found
