"""Train again with other records in the place of the removed ones.

Formula: train θ' = A(R ∪ P; recipe, seed), P ⊂ pool with as many records of each class as F held (of numbers,
as many in all). The pool is what a filter picks among the training records that the model has not seen and no
request names. P is drawn by the seed, or is what lies nearest to a removed record of the same class:
Euclidean distance of the network's inputs, for texts of its last layer's inputs.
Source: retraining without the records, where the new records keep size and balance of the
training data; no published figures are known to us.
Guarantee: as to F that of retraining: the run's inputs exclude the records. Nearest records are chosen by
looking at F, and that is said.
Fails when: the pool holds near-duplicates of F, which bring back what was to go; or its records are not what
they are taken for (another source, wrong labels). References did not see P, so tests may tell the model
from them for that reason alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from disgorge_core import training
from disgorge_core.data.query import select
from disgorge_core.errors import BadQuery, NotApplicable
from disgorge_core.methods.contract import Context, Facts
from disgorge_core.models.prediction import places
from disgorge_core.params import param
from disgorge_core.registry import METHODS
from disgorge_core.training.order import by_key, epoch_order
from disgorge_core.types import Array, Change, Dataset, Family, Tier, Timing
from disgorge_core.words import reservation

NO_SPARE = (
    "The model saw every training record that no request names: train a model without a spare part "
    "first."
)
NONE_IN_POOL = (
    "None of the {spare:,} spare records is in the pool: choose another filter, or leave it empty."
)
TOO_FEW = "The pool has {found:,} spare records of {name}, and {wanted:,} are needed: {remedy}."
REMEDIES = {
    True: "widen the filter",
    False: "train a model that leaves out more, or remove fewer",
}


@METHODS.register
@dataclass(frozen=True)
class Substitute:
    """Retrain with substitutes from a pool."""

    name = "substitute"
    title = "Retrain with substitutes"
    family = Family.RETRAINING
    timing = Timing.REACTIVE
    tier = Tier.REBUILT
    needs = ("model", "data", "forget", "keep", "spare")
    tasks = ("classification", "regression")
    order = 15
    promise = (
        "Trains the model again from its start with as many other records of each class in the place of the "
        "removed ones; what near-duplicates among them carry comes back."
    )

    pool: str = param(
        "",
        help="Filter over the records that the model has not seen, such as source == 'licensed'; empty takes "
        "all of them",
    )
    choice: str = param(
        "drawn",
        help="Drawn by the seed, or nearest to the removed records",
        choices=("drawn", "nearest"),
    )

    def why_not(self, facts: Facts) -> str | None:
        """Needs a recipe, and enough records of each class that the model has not seen."""
        if facts.recipe is None:
            return "The recipe is unknown: state the recipe on the Model page."
        if facts.model.seen is None:
            return None  # said for every method that trains again
        if not facts.spare.any():
            return NO_SPARE
        try:
            pool = self._pool(facts.data, facts.spare)
        except BadQuery as error:
            return str(error)
        return self._too_few(facts.data, facts.forget, pool, int(facts.spare.sum()))

    def price(self, facts: Facts) -> float:
        """One full training: as many records as before."""
        return 1.0

    def run(self, context: Context) -> Change:
        """Pick the substitutes and train on them and the kept records."""
        data, forget = context.data, context.forget
        pool = self._pool(data, context.spare)
        problem = self._too_few(data, forget, pool, int(context.spare.sum()))
        if problem:
            raise NotApplicable("There are not enough substitutes.", problem)
        order = _nearest_first(context) if self.choice == "nearest" else _drawn(context)
        picked = np.zeros(len(data), dtype=bool)
        for gone, spare, _ in _groups(data, forget, pool):
            picked[order(gone, spare)[: len(gone)]] = True
        model = training.refit(context.model, data, context.keep | picked, report=context.report)
        count = int(picked.sum())
        notes = [reservation("substitutes", f"{count:,}")]
        notes += [reservation("picked by likeness")] if self.choice == "nearest" else []
        return Change(
            model,
            model.lineage.cost,
            notes=tuple(notes),
            figures={"substitutes": count},
            added=picked,
        )

    def _pool(self, data: Dataset, spare: Array) -> Array:
        """Bool (n,): the spare records that the filter picks; raises BadQuery."""
        return spare & select(data, self.pool) if self.pool.strip() else spare

    def _too_few(self, data: Dataset, forget: Array, pool: Array, spare: int) -> str | None:
        """What the pool lacks, in one sentence; None if it has enough of everything."""
        if not pool.any():
            return NONE_IN_POOL.format(spare=spare)
        remedy = REMEDIES[bool(self.pool.strip())]
        for gone, found, name in _groups(data, forget, pool):
            if len(found) < len(gone):
                return TOO_FEW.format(found=len(found), name=name, wanted=len(gone), remedy=remedy)
        return None


def _groups(data: Dataset, forget: Array, pool: Array) -> list[tuple[Array, Array, str]]:
    """For each class of F (of numbers, for all): rows to remove, rows of the pool, and its name."""
    if data.task == "regression":
        return [(np.flatnonzero(forget), np.flatnonzero(pool), "any value")]
    found = []
    for code in np.unique(data.y[forget]):
        own = data.y == code
        name = f"the class {data.classes[code]!r}"
        found.append((np.flatnonzero(forget & own), np.flatnonzero(pool & own), name))
    return found


Order = Callable[
    [Array, Array], Array
]  # rows to remove, rows of the pool -> these, the first choice first


def _drawn(context: Context) -> Order:
    """By chance that hangs on ids and the seed only."""

    def order(gone: Array, spare: Array) -> Array:
        return spare[epoch_order(context.data.keys[spare], context.seed, 0)]

    return order


def _nearest_first(context: Context) -> Order:
    """By distance to the nearest removed record; equal ones by their keys."""
    member = context.model.members[0]

    def order(gone: Array, spare: Array) -> Array:
        spare = by_key(context.data.keys, spare)
        here, there = (places(member, context.data.take(rows)) for rows in (gone, spare))
        nearest = torch.cdist(there, here).amin(1).numpy()
        return spare[np.argsort(nearest, kind="stable")]

    return order
