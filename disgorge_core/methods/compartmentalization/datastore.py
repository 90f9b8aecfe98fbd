"""Delete the records' rows from the store.

Formula: the store S becomes S \\ F; the answer is the vote of the k nearest records of S \\ F. Where the
preprocessing was fitted to the records it is fitted again, and the rows that stay are read again by it;
behind a fixed backbone rows are only deleted.
Source: k nearest neighbours; SILO, Min et al. (arXiv 2308.04430).
Guarantee: bit for bit the store that never held the records.
Fails when: near-copies of the records stay in the store, or the features come from a backbone whose
history is unknown, which the claim says.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from disgorge_core import training
from disgorge_core.methods.contract import Context, Facts, seen_by
from disgorge_core.registry import METHODS
from disgorge_core.training.order import by_key
from disgorge_core.types import Change, Family, Model, Tier, Timing


@METHODS.register
@dataclass(frozen=True)
class Datastore:
    """Delete rows of a store."""

    name = "datastore"
    title = "Delete rows of the store"
    family = Family.COMPARTMENTALIZATION
    timing = Timing.PROACTIVE
    tier = Tier.ISOLATED
    needs = ("model", "data", "keep", "recipe")
    tasks = ("classification", "regression")
    order = 7
    promise = (
        "Deletes the records from the store that the model answers from; nothing else holds them."
    )

    def why_not(self, facts: Facts) -> str | None:
        """Needs a model that answers from a store."""
        if facts.regime != "datastore":
            return "The model has no store: train one in the regime Datastore on the Model page."
        return None

    def price(self, facts: Facts) -> float:
        """Nothing where rows are only deleted, else a look at every record that stays."""
        if facts.regime != "datastore" or not facts.model.preprocessing.fitted:
            return 0.0
        return facts.n_keep / max(1, facts.n_train)

    def run(self, context: Context) -> Change:
        """The store without the rows."""
        model, data, keep = context.model, context.data, context.keep
        figures = {"rows deleted": float((seen_by(model, data) & ~keep).sum())}
        if model.preprocessing.fitted:
            found = training.refit(model, data, keep, report=context.report)
            return Change(found, found.lineage.cost, figures=figures)
        rows = by_key(data.keys, np.flatnonzero(seen_by(model, data)))
        return Change(_cut(model, keep[rows]), 0.0, figures=figures)


def _cut(model: Model, stays: np.ndarray) -> Model:
    own = model.artefacts
    left = {name: own[name][stays] for name in ("store_points", "store_y")}
    return replace(model, artefacts={**own, **left})
