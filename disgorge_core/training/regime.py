"""What a regime is: a way of training that is arranged before any removal is asked for.

A regime is one file in `disgorge_core/regimes`: a frozen dataclass with `@REGIMES.register`, the class
attributes `name`, `title`, `order`, `tasks`, `promise`, `method` (the removal that it is made for) and
settings made by `param(...)`; where recipe settings play no part, `ignores` names them. Where it wants
another recipe than a plain training, `advised(recipe, data)` gives it, and `advice` says why. Where it
trains within a privacy bound, `foreseen(data, recipe)` gives that before. The GUI draws its form from
them, and references and twins of a model are trained in its own regime.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from disgorge_core.params import make
from disgorge_core.registry import REGIMES
from disgorge_core.training.results import Stack
from disgorge_core.training.task import Job
from disgorge_core.types import Array, Dataset, Model, Recipe, Report

CLOSED_FORM = "closed form"
STEPS = (  # what a recipe says of steps: nothing to a regime that solves, or that does not train
    "epochs", "lr", "batch", "optimiser", "momentum", "l2", "schedule", "augment", "trainable", "dtype",
)  # fmt: skip


@dataclass(frozen=True)
class Burden:
    """What a regime costs: record-passes of one training, and the rest in multiples of a plain model."""

    passes: float
    storage: float = 1.0  # networks' worth of numbers that are kept
    inference: float = 1.0  # forward passes for one answer


class Regime(Protocol):
    """The shape of every registered regime."""

    name: ClassVar[str]
    title: ClassVar[str]
    order: ClassVar[int]
    tasks: ClassVar[tuple[str, ...]]
    promise: ClassVar[str]
    method: ClassVar[str]

    def why_not(self, data: Dataset, architecture: str) -> str | None:
        """One sentence that says why it cannot be used; None if it can."""
        ...

    def burden(self, data: Dataset, records: int, recipe: Recipe) -> Burden:
        """What it costs for this many training records."""
        ...

    def parts(self, model: Model, data: Dataset) -> Array:
        """Bool (members, n): the records that each network may learn from."""
        ...

    def train(self, job: Job, workers: int | None, report: Report) -> Stack:
        """Do the trainings of a job; raises BadForgetSet where a part would have no record."""
        ...


def advised(regime: Regime | None, recipe: Recipe, data: Dataset) -> tuple[Recipe, str]:
    """The recipe that a regime advises in the place of one for these records, and why; "" if the same."""
    way: Any = regime
    if not hasattr(way, "advised"):
        return recipe, ""
    found: Recipe = way.advised(recipe, data)
    return found, way.advice if found != recipe else ""


def regime_of(model: Model) -> Regime | None:
    """The regime that a model was trained in, as `fit` takes it; None for a closed form."""
    if model.regime == CLOSED_FORM:
        return None
    found: Regime = make(REGIMES[model.regime], model.regime_settings)
    return found


def regime_from(values: Mapping[str, Any]) -> Regime | None:
    """A regime from its "name" and settings, as requests hold it; None where nothing is said.

    Raises DisgorgeError for an unknown name, BadParam for settings out of bounds.
    """
    if not values:
        return None
    settings = dict(values)
    name = settings.pop("name", "")
    found: Regime = make(REGIMES[name], settings)
    return found
