"""Methods in the words of the taxonomy, and what they and the estimators give."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

from disgorge_core.types.data import Dataset, ForgetSet
from disgorge_core.types.models import Model
from disgorge_core.types.plain import Array


class Family(StrEnum):
    """Families of the taxonomy (after Achille et al. 2024), plus output guards."""

    RETRAINING = "retraining"
    SELECTIVE_FORGETTING = "selective forgetting"
    COMPARTMENTALIZATION = "compartmentalization"
    DIFFERENTIAL_PRIVACY = "differential privacy"
    DATASET_EMULATION = "dataset emulation"
    OUTPUT_GUARD = "output guard"


class Timing(StrEnum):
    """When a method must have been arranged."""

    REACTIVE = "reactive"
    PROACTIVE = "proactive"
    PREEMPTIVE = "preemptive"


class Tier(StrEnum):
    """What a method's result may be called; the weakest part decides."""

    DELETED = "deleted"
    REBUILT = "rebuilt"
    ISOLATED = "isolated"
    CERTIFIED = "certified"
    EMPIRICAL = "empirical"
    SUPPRESSED = "suppressed"


@dataclass(frozen=True)
class Estimate:
    """A number with its interval and the count that it rests on; level is 95 % unless said."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Cost:
    """Work done: record-passes (one record forward and backward once), seconds, share of a retrain."""

    passes: float
    seconds: float
    of_full: float


@dataclass(frozen=True)
class Progress:
    """How far a piece of work is: a share 0..1, what it is doing, and figures for curves."""

    share: float
    message: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)


Report = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """A report that nobody reads."""


@dataclass(frozen=True, eq=False)
class Change:
    """What a method hands back: the new model and what only the method knows."""

    model: Model
    passes: float
    tier: Tier | None = None  # weaker than the method's own tier, where it had to be
    notes: tuple[str, ...] = ()
    figures: Mapping[str, float] = field(default_factory=dict)  # e.g. step length, shards touched
    bound: str = ""  # "(ε = 1, δ = 1e-05)" of a certified model
    added: Array | None = None  # bool (n,): records that the new model saw besides the kept ones


@dataclass(frozen=True, eq=False)
class Outcome:
    """A finished disgorgement: the new model, what may be claimed for it, its cost and effect."""

    model: Model
    before: Model
    data: Dataset
    forget: ForgetSet
    method: str
    settings: Mapping[str, Any]
    seed: int
    tier: Tier
    claim: str
    cost: Cost
    effect: str  # "moved" or "no effect"
    distance: float  # ‖θ_after - θ_before‖ / ‖θ_before‖, NaN where shapes differ
    notes: tuple[str, ...] = ()
    figures: Mapping[str, float] = field(default_factory=dict)
    excluded: tuple[ForgetSet, ...] = ()  # those of earlier requests
    bound: str = ""  # that of the change, while the tier is certified


@dataclass(frozen=True, eq=False)
class Scores:
    """Influence of training records on queries: `matrix` (n_train, n_query) float32.

    Entry (i, j): estimated change of query j's output (named by `unit`) if record i had not been
    trained on is -matrix[i, j]: positive records hold the output up. `spread` (n_train, n_query) is the
    standard error of each entry over the models, trainings or draws that it rests on; None for one model.
    """

    matrix: Array
    unit: str
    train_ids: Array
    query_ids: Array
    estimator: str
    passes: float
    notes: tuple[str, ...] = ()
    spread: Array | None = None

    def of(self, forget: ForgetSet) -> Array:
        """Estimated change (n_query,) of each output if the forget set had not been trained on."""
        inside = np.isin(self.train_ids, np.array(forget.ids))
        return -self.matrix[inside].sum(0)


@dataclass(frozen=True, eq=False)
class Embedding:
    """Positions (n, 2) of records on one map, for each of several models on the same map."""

    positions: tuple[Array, ...]
    rows: Array
    projection: str
    notes: tuple[str, ...] = ()
