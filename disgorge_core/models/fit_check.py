"""Does a model belong to a dataset: shapes, finite answers, and the order of the classes."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from disgorge_core.errors import BadModel
from disgorge_core.models.layers import head_of
from disgorge_core.models.misfit import in_plain_words
from disgorge_core.models.prediction import logits
from disgorge_core.types import Array, Dataset, Member, Model

TRIED = 2  # records in the trial pass
COMPARED = 5000  # training records that the class order is judged by


def outputs_of(data: Dataset) -> int:
    """How many numbers a model of the dataset gives: one for each class, one for a regression."""
    return len(data.classes) if data.task == "classification" else 1


def check_fit(model: Model, data: Dataset) -> None:
    """Pass two training records through the model; raises BadModel where it does not fit the dataset."""
    if model.task != data.task or model.classes != data.classes:
        raise BadModel(
            f"The model tells apart {len(model.classes)} classes ({_few(model.classes)}), the dataset"
            f" {len(data.classes)} ({_few(data.classes)}).",
            "Choose the dataset that the model was trained for.",
        )
    answer = _trial(model, data.take(data.rows("train")[:TRIED]))
    if answer.shape[1:] != (outputs_of(data),):
        raise BadModel(
            f"The network gives {answer.shape[1]:,} numbers for a record, the dataset needs"
            f" {outputs_of(data):,}.",
            "Let the last layer give one number for each class.",
        )
    if not np.isfinite(answer).all():
        raise BadModel(
            "The network's answer to the first records is infinite or not a number.",
            "Check the weights and the preprocessing.",
        )


def _trial(model: Model, x: Any) -> Array:
    whole = nn.ModuleList(member.network for member in model.members)
    answer = in_plain_words(whole, lambda: logits(model, x))
    if answer.ndim != 2 or len(answer) != len(x):
        raise BadModel(
            "The network does not give one row of numbers for each record.",
            "Check its last layers: a flatten or a pooling may be missing.",
        )
    return answer


def _few(names: Sequence[str]) -> str:
    return ", ".join(name[:20] for name in names[:3]) + (", ..." if len(names) > 3 else "")


# --- class order --------------------------------------------------------------------------------


@dataclass(frozen=True)
class ClassOrder:
    """How well outputs match classes as they are, and in the best order.

    `order[k]` is the output that stands for class k in the best order. `suggested`: accuracy is near
    chance but good in another order, as when a model was trained with another list of classes.
    """

    accuracy: float
    best: float
    order: tuple[int, ...]
    suggested: bool


def class_order_check(model: Model, data: Dataset) -> ClassOrder:
    """Compare the model's answers on training records with their classes, in every order of outputs.

    The best order is the assignment (Kuhn 1955) that maximises the confusion matrix's diagonal.
    """
    from scipy.optimize import linear_sum_assignment

    rows = data.rows("train")[:COMPARED]
    count = len(data.classes)
    said = logits(model, data.take(rows)).argmax(1)
    confusion = np.bincount(data.y[rows] * count + said, minlength=count**2).reshape(count, count)
    _, order = linear_sum_assignment(confusion, maximize=True)
    total = len(rows)
    accuracy = float(np.trace(confusion)) / total
    best = float(confusion[np.arange(count), order].sum()) / total
    chance = float(confusion.sum(1).max()) / total
    suggested = best > chance + 0.2 and accuracy < (chance + best) / 2
    return ClassOrder(accuracy, best, tuple(map(int, order)), suggested)


def apply_class_order(model: Model, order: Sequence[int]) -> Model:
    """The model whose output k is the old output `order[k]`: rows of each head are exchanged."""
    if sorted(order) != list(range(len(model.classes))):
        raise BadModel(
            f"The order {list(order)[:10]} does not name each of the {len(model.classes)} outputs once.",
            "Name each output once.",
        )
    members = tuple(_reordered(member, torch.tensor(list(order))) for member in model.members)
    return replace(model, members=members)


def _reordered(member: Member, order: torch.Tensor) -> Member:
    network = copy.deepcopy(member.network)
    head = head_of(network)
    with torch.no_grad():
        head.weight.copy_(head.weight[order])
        if head.bias is not None:
            head.bias.copy_(head.bias[order])
    return Member(network, member.preprocessing)
