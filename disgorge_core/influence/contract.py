"""What every estimator offers, and the little that they share.

An estimator is a frozen dataclass with `@ESTIMATORS.register` and class attributes `name`, `title`, `unit`,
`limits` (where it fails, in one sentence), `order`, and `tasks` where it is for one kind of task only; its
fields are settings made by `param(...)`. One that trains models has a property `trainings`: how many full
trainings it costs.
"""

from __future__ import annotations

from typing import ClassVar, Protocol

import numpy as np

from disgorge_core import metrics
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


def trainings_of(estimator: Estimator) -> float:
    """How many full trainings of the model an estimator costs; 0 for those that train nothing."""
    return float(getattr(estimator, "trainings", 0.0))


def asked(model: Model, train_rows: Array, query_rows: Array, target: str) -> str:
    """What the output is, in words; raises BadParam for an unknown one and where no record is given."""
    if not len(train_rows) or not len(query_rows):
        what = "training record" if not len(train_rows) else "query"
        raise BadParam(f"There is no {what} to score.", "Give at least one of each.")
    return output_named(model, target)


def output_named(model: Model, target: str) -> str:
    """What the output is, in words; raises BadParam for an unknown target."""
    if target not in TARGETS:
        raise BadParam(f"There is no output {target!r}.", f"Choose one of {list(TARGETS)}.")
    return OUTPUTS[model.task, target]


def outputs_of(z: Array, y: Array, task: str, target: str) -> Array:
    """The named output (m,) of each record, from a model's answers z (m, c)."""
    if task == "regression":
        residual = metrics.residuals(z, y)
        return residual if target == "margin" else np.asarray(residual**2 / 2)
    return metrics.margins(z, y) if target == "margin" else metrics.nll(z, y)


def for_classes(model: Model, what: str) -> None:
    """Raise NotApplicable for regression, which has no classes."""
    if model.task != "classification":
        raise NotApplicable(
            f"{what} compares classes, and regression has none.", "Choose the EK-FAC estimator."
        )


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
    spread: Array | None = None,
) -> Scores:
    """A matrix (n_train, n_query) with the ids of its rows and columns; raises NotApplicable where empty."""
    _tells(matrix)
    names = data.ids.astype(str)
    rows, columns = names[train_rows], names[query_rows]
    notes = (*notes, *_strangers(data, train_rows, query_rows), *_spread_note(matrix, spread))
    error = None if spread is None else spread.astype(np.float32)
    found = matrix.astype(np.float32)
    return Scores(found, unit, rows, columns, estimator, passes, notes, error)


def _tells(matrix: Array) -> None:
    if not np.isfinite(matrix).all() or not matrix.any():
        raise NotApplicable(
            "No training record has an effect to estimate: the loss is flat, or zero, everywhere.",
            "Choose a model that was stopped earlier or trained with L2, or the estimator by retraining.",
        )


def _strangers(data: Dataset, train_rows: Array, query_rows: Array) -> tuple[str, ...]:
    """Say how many queries are of a class that no training record has."""
    if data.task != "classification":
        return ()
    y = data.y[query_rows]
    alone = ~np.isin(y, data.y[train_rows])
    if not alone.any():
        return ()
    names = ", ".join(repr(data.classes[c]) for c in np.unique(y[alone])[:3])
    return (f"No training record is of the class of {alone.sum():,} of the queries ({names}).",)


def _spread_note(matrix: Array, spread: Array | None) -> tuple[str, ...]:
    if spread is None:
        return ()
    size, error = (float(np.sqrt(np.mean(np.square(m)))) for m in (matrix, spread))
    return (f"The standard error of one score is {error / size:.0%} of a typical score.",)


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
