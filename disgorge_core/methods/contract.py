"""What every method is told: `Facts` before it runs, `Context` while it runs.

A method is a frozen dataclass with `@METHODS.register` and class attributes `name`, `title`, `family`,
`timing`, `tier`, `needs`, `tasks`, `order`, `promise`; its fields are settings made by `param(...)`. It has
`why_not(facts)`, `price(facts)` and `run(context)`; where its tier depends on how many records go,
`tier_for(facts)` says it before it runs; `promise_for(facts)` where its promise does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from disgorge_core.types import (
    SPLITS,
    Array,
    Change,
    Dataset,
    Family,
    Model,
    Recipe,
    Report,
    Tier,
    Timing,
)

ALWAYS = ("needs", "seed", "report")  # no method has to ask for these


@dataclass(frozen=True, eq=False)
class Facts:
    """What is known before a method runs; masks are bool (n,) over all rows of the dataset."""

    model: Model
    data: Dataset
    forget: Array  # records to remove that the model was trained on
    keep: Array  # training records that the new model may see
    validation: Array  # validation rows (m,) that are not to be removed themselves
    requested: Array | None = None  # bool (n,): rows that this or an earlier request names

    @property
    def spare(self) -> Array:
        """Bool (n,): training records that the model did not see and that no request names."""
        named = self.forget if self.requested is None else self.requested
        train = self.data.split == SPLITS.index("train")
        return train & ~named & ~seen_by(self.model, self.data)

    @property
    def n_forget(self) -> int:
        """Training records to remove."""
        return int(self.forget.sum())

    @property
    def n_keep(self) -> int:
        """Training records that stay."""
        return int(self.keep.sum())

    @property
    def n_train(self) -> int:
        """Training records before the removal."""
        return self.n_forget + self.n_keep

    @property
    def recipe(self) -> Recipe | None:
        """The recorded recipe, None where it is unknown."""
        return self.model.recipe

    @property
    def regime(self) -> str:
        """How the model was trained: "plain", "sharded" or "closed form"."""
        return self.model.regime

    @property
    def trained_on(self) -> str:
        """Whether the training records are "known", "stated" or "unknown"."""
        return self.model.lineage.trained_on

    @property
    def task(self) -> str:
        """The model's task."""
        return self.model.task

    @property
    def parameters(self) -> int:
        """How many numbers were trained."""
        return self.model.parameters

    @property
    def has_layers(self) -> bool:
        """Whether the network is a plain layer list, so that it can be built afresh."""
        return self.model.layers is not None

    @property
    def artefacts(self) -> frozenset[str]:
        """Names of what was kept for later removal."""
        return frozenset(self.model.artefacts)


def facts_of(model: Model, data: Dataset, forget: Array, excluded: Sequence[Array] = ()) -> Facts:
    """Facts from masks (n,): what the model saw is split into records to remove and to keep."""
    seen = seen_by(model, data)
    gone = np.logical_or.reduce([np.zeros(len(data), dtype=bool), *excluded])
    rows = data.rows("validation")
    validation = rows[~(forget | gone)[rows]]
    left = seen & ~forget & ~gone
    return Facts(model, data, forget & seen & ~gone, left, validation, forget | gone)


def seen_by(model: Model, data: Dataset) -> Array:
    """Bool (n,): training rows that the model saw; all of them where that is unknown."""
    train = np.zeros(len(data), dtype=bool)
    train[data.rows("train")] = True
    if model.seen is None:
        return train
    return train & np.isin(data.ids.astype(str), np.array(model.seen, dtype=str))


@dataclass(frozen=True, eq=False)
class Context:
    """What a running method gets: the things that its `needs` names, `seed` and `report`; no more.

    Reading anything else raises AttributeError, so that a method cannot use what it did not declare.
    """

    needs: tuple[str, ...]
    seed: int
    report: Report
    model: Model
    data: Dataset
    forget: Array  # bool (n,): records to remove that the model was trained on
    keep: Array  # bool (n,): training records that the new model may see
    recipe: Recipe
    validation: Array  # validation rows (m,) that are not to be removed themselves
    spare: Array  # bool (n,): training records that the model did not see and that no request names
    curvature: Callable[..., Any]  # curvature(kind="auto", damping=None) -> Curvature on the kept

    def __getattribute__(self, name: str) -> Any:
        if name in _PARTS and name not in object.__getattribute__(self, "needs"):
            raise AttributeError(f"The method did not declare {name!r} in its needs.")
        return object.__getattribute__(self, name)


_PARTS = frozenset(f.name for f in dataclasses.fields(Context)) - frozenset(ALWAYS)
NEEDS = tuple(sorted(_PARTS))


def tier_for(method: Method, facts: Facts) -> Tier:
    """What a method's result may be called at best for these records."""
    found: Tier = method.tier_for(facts) if hasattr(method, "tier_for") else method.tier
    return found


def promise_for(method: Method, facts: Facts) -> str:
    """What a method promises for these records and this model."""
    found: str = method.promise_for(facts) if hasattr(method, "promise_for") else method.promise
    return found


class Method(Protocol):
    """The shape of every registered method."""

    name: ClassVar[str]
    title: ClassVar[str]
    family: ClassVar[Family]
    timing: ClassVar[Timing]
    tier: ClassVar[Tier]
    needs: ClassVar[tuple[str, ...]]
    tasks: ClassVar[tuple[str, ...]]
    order: ClassVar[int]
    promise: ClassVar[str]

    def why_not(self, facts: Facts) -> str | None:
        """One sentence that says why it does not apply and how to get there; None if it applies."""
        ...

    def price(self, facts: Facts) -> float:
        """Expected cost as a share of one full training."""
        ...

    def run(self, context: Context) -> Change:
        """The new model; the input model is never changed."""
        ...
