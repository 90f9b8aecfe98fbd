"""What every estimator offers, and the little that they share.

An estimator is a frozen dataclass with `@ESTIMATORS.register` and class attributes `name`, `title`, `unit`,
`limits` (where it fails, in one sentence), `order`, and `tasks` where it is for one kind of task only; its
fields are settings made by `param(...)`.
"""

from __future__ import annotations

from typing import ClassVar, Protocol

import numpy as np

from disgorge_core.errors import BadParam, NotApplicable
from disgorge_core.registry import ESTIMATORS, RULES
from disgorge_core.types import Array, Dataset, Model, Report, Scores, silent

TARGETS = ("margin", "loss")
OUTPUTS = {
    ("classification", "margin"): "log-odds of the record's own class (nats)",
    ("classification", "loss"): "loss of the record (nats)",
    ("regression", "margin"): "residual of the record (prediction minus value)",
    ("regression", "loss"): "loss of the record (half squared error)",
}


def estimators_for(task: str) -> list[str]:
    """Names of the registered estimators that are for this task."""
    kinds = ((name, ESTIMATORS[name]) for name in ESTIMATORS)
    return [name for name, kind in kinds if task in getattr(kind, "tasks", (task,))]


class Estimator(Protocol):
    """The shape of every registered estimator."""

    name: ClassVar[str]
    title: ClassVar[str]
    unit: ClassVar[str]
    limits: ClassVar[str]
    order: ClassVar[int]

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
        """Scores (n_train, n_query): removing record i changes query j's output by -matrix[i, j]."""
        ...


def output_named(model: Model, target: str) -> str:
    """What the output is, in words; raises BadParam for an unknown target."""
    if target not in TARGETS:
        raise BadParam(f"There is no output {target!r}.", f"Choose one of {list(TARGETS)}.")
    return OUTPUTS[model.task, target]


def scores_of(
    matrix: Array,
    data: Dataset,
    train_rows: Array,
    query_rows: Array,
    *,
    unit: str,
    estimator: str,
    passes: float,
    notes: tuple[str, ...] = (),
) -> Scores:
    """A matrix (n_train, n_query) with the ids of its rows and columns."""
    names = data.ids.astype(str)
    rows, columns = names[train_rows], names[query_rows]
    return Scores(matrix.astype(np.float32), unit, rows, columns, estimator, passes, notes)


def one_network(model: Model) -> None:
    """Raise NotApplicable for a model that averages several networks."""
    if len(model.members) != 1:
        raise NotApplicable(
            f"This model is an average of {len(model.members)} networks, and influence is that of one.",
            "Choose a model trained in the plain regime.",
        )
    if RULES[model.rule].behind != "mean":
        raise NotApplicable(
            f"Influence is that of a network, and this model answers by {RULES[model.rule].says}.",
            "Choose a model trained in the plain regime.",
        )


def guard_note(model: Model) -> tuple[str, ...]:
    """What to say where an output guard stands before the network."""
    if model.rule != "guard":
        return ()
    return ("These are scores of the network behind the output guard, which they pass by.",)


def l2_of(model: Model) -> float:
    """L2 of the recipe, 0 where it is unknown."""
    return model.recipe.l2 if model.recipe is not None else 0.0


def seen_rows(model: Model, data: Dataset) -> Array:
    """Rows (n_train,) that the model was trained on; the train split where that is unknown."""
    rows = data.rows("train")
    if model.seen is None:
        return rows
    return rows[np.isin(data.ids.astype(str)[rows], np.array(model.seen, dtype=str))]
