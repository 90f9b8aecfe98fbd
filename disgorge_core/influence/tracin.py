"""TracIn on the last layer, by captum: gradient products of the final weights (the peer by name).

TracIn (Pruthi et al. 2020, arXiv 2002.08484, eq. 1) sums η ∇ℓ_i · ∇ℓ_j over checkpoints; here the final
weights are the only checkpoint and η = 1, and captum counts the
weights of the layer, not its biases. Without curvature its size has no unit, only its rank counts.
"""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from disgorge_core.influence.contract import (
    asked,
    for_classes,
    guard_note,
    one_network,
    scores_of,
)
from disgorge_core.models.layers import head_of
from disgorge_core.models.prediction import inputs
from disgorge_core.registry import ESTIMATORS
from disgorge_core.types import Array, Dataset, Model, Report, Scores, silent


@ESTIMATORS.register
@dataclass(frozen=True)
class TracIn:
    """Gradient products in the last layer, by captum's TracInCPFast."""

    name = "tracin"
    title = "TracIn, last layer (captum)"
    unit = "Product of loss gradients; a rank, not a change of the output."
    limits = (
        "Only the last layer and the final weights "
        "count, and without curvature the size has no unit."
    )
    order = 50
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
        """Scores of all pairs; for classification (its loss is cross-entropy) only."""
        asked(model, train_rows, query_rows, target)
        one_network(model)
        for_classes(model, "TracIn as it is set up here")
        matrix = _tracin(model, data, train_rows, query_rows)
        return scores_of(
            matrix if target == "margin" else -matrix,
            data,
            train_rows,
            query_rows,
            unit="gradient product, no unit",
            estimator=self.name,
            passes=float(len(train_rows) + len(query_rows)),
            notes=guard_note(model),
        )


def _tracin(model: Model, data: Dataset, train_rows: Array, query_rows: Array) -> Array:
    from captum.influence import TracInCPFast

    network = copy.deepcopy(model.network).eval()
    train = torch.utils.data.TensorDataset(*_tensors(model, data, train_rows))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tracin = TracInCPFast(
            network,
            head_of(network),
            train,
            checkpoints=["final weights"],
            checkpoints_load_func=_already_there,
            loss_fn=nn.CrossEntropyLoss(reduction="sum"),
            batch_size=512,
        )
        return np.asarray(tracin.influence(_tensors(model, data, query_rows))).T


def _already_there(_: nn.Module, __: Any) -> float:
    return 1.0  # the learning rate


def _tensors(model: Model, data: Dataset, rows: Array) -> tuple[torch.Tensor, torch.Tensor]:
    return inputs(model.members[0], data.take(rows)), torch.tensor(data.y[rows])
