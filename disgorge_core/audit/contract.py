"""What a check is, and what it gives.

A check is one file in `checks/` with a frozen dataclass, `@CHECKS.register` and class attributes `name`,
`title`, `order`, `tasks`, `about`; its docstring says what it measures, after whom, and what fools it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np

from disgorge_core.audit.bench import Bench
from disgorge_core.audit.ranks import Ranked
from disgorge_core.metrics import mean_estimate, spread
from disgorge_core.types import About, Array, Decides, Estimate, Finding, Marks, Recipe

BOTH = ("classification", "regression")
FEW_REFERENCES = 19  # with fewer, no p-value can fall below 5 %


@dataclass(frozen=True, eq=False)
class Measured:
    """A finding, and its ranks where it is one of those that decide together."""

    finding: Finding
    ranked: Ranked | None = None

    @property
    def told(self) -> Finding:
        """The finding, which says so if it is one of them."""
        return replace(self.finding, decides=Decides.RANKED) if self.ranked else self.finding


class Check(Protocol):
    """The shape of every registered check."""

    name: ClassVar[str]
    title: ClassVar[str]
    order: ClassVar[int]
    tasks: ClassVar[tuple[str, ...]]
    about: ClassVar[About]

    def why_not(self, bench: Bench) -> str | None:
        """One sentence that says why it cannot be run; None if it can."""
        ...

    def run(self, bench: Bench) -> Sequence[Measured]:
        """What it measures."""
        ...


@runtime_checkable
class Priced(Check, Protocol):
    """A check that trains models itself, and so has a price."""

    def price(self, marks: Marks, recipe: Recipe) -> float:
        """Expected cost in full trainings by this recipe, with as many models as the marks say."""
        ...


def price_of(check: Check, marks: Marks, recipe: Recipe | None) -> float:
    """What a check costs in full trainings: 0 for those that only look at answers."""
    return check.price(marks, recipe) if recipe and isinstance(check, Priced) else 0.0


def needs_references(bench: Bench, least: int = 3) -> str | None:
    """Why a check that compares with references cannot be run."""
    count = len(bench.references)
    if count >= least:
        return None
    return f"It needs at least {least} references; there {'is' if count == 1 else 'are'} {count}."


def estimates(
    ranked: Ranked, intervals: Mapping[str, tuple[float, float, int]]
) -> dict[str, Estimate]:
    """An estimate for each judged model, and the references' own spread as the floor."""
    found = {
        who: Estimate(value, *intervals.get(who, (np.nan, np.nan, 0)))
        for who, value in ranked.values.items()
    }
    return found | {"references": spread(ranked.references)}


def odds(ranked: Ranked) -> dict[str, float]:
    """The rank p-value of each judged model."""
    return {who: ranked.p(who) for who in ranked.values}


def interval_of(values: Mapping[str, Array]) -> dict[str, tuple[float, float, int]]:
    """A 95 % interval for the mean over records (k,) of each judged model."""
    found = {who: mean_estimate(each) for who, each in values.items()}
    return {who: (e.low, e.high, e.n) for who, e in found.items()}
