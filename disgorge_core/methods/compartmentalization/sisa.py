"""Train again only the shards that saw the records.

Formula: shard s of S holds the records with hash(id) mod S = s; the answer is mean_s f_s(x). For a forget
set F the shards {s : F ∩ shard s ≠ ∅} are trained again on what stays in them; the others are kept.
For K records the expected number of touched shards is S (1 - (1 - 1/S)^K).
Source: SISA, Bourtoule et al. (arXiv 1912.03817, section V), with one slice a shard.
Guarantee: the result is, bit for bit, the sharded model trained without the records.
Fails when: the records lie in all shards (then it is a full retrain), or the choice of the records
depended on the model (Gupta et al., arXiv 2106.04378), which the claim says.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from disgorge_core.methods.contract import Context, Facts, seen_by
from disgorge_core.regimes.sharded import Sharded, refit_shards, shard_of
from disgorge_core.registry import METHODS
from disgorge_core.types import Array, Change, Dataset, Family, Model, Tier, Timing


@METHODS.register
@dataclass(frozen=True)
class Sisa:
    """Retrain the touched shards of a sharded model."""

    name = "sisa"
    title = "Retrain the touched shards"
    family = Family.COMPARTMENTALIZATION
    timing = Timing.PROACTIVE
    tier = Tier.ISOLATED
    needs = ("model", "data", "keep", "recipe")
    tasks = ("classification", "regression")
    order = 5
    promise = (
        "Drops the networks that saw the records and trains those again without them; the others never "
        "saw them."
    )

    def why_not(self, facts: Facts) -> str | None:
        """Needs a model that was trained in shards."""
        if facts.regime != "sharded":
            return "The model was not trained in shards: train one in shards on the Model page."
        if facts.recipe is None:
            return "The recipe is unknown: state the recipe on the Model page."
        return None

    def price(self, facts: Facts) -> float:
        """Share of the kept records that lie in touched shards; the expected one before sharding."""
        if facts.regime != "sharded":
            shards = Sharded().shards
            share = 1 - (1 - 1 / shards) ** facts.n_forget
            return share * facts.n_keep / max(1, facts.n_train)
        shard, wanted = touched(facts.model, facts.data, facts.keep)
        return float((facts.keep & np.isin(shard, wanted)).sum() / max(1, facts.n_train))

    def run(self, context: Context) -> Change:
        """Train the touched shards on what stays in them."""
        _, wanted = touched(context.model, context.data, context.keep)
        model = refit_shards(
            context.model, context.data, context.keep, wanted.tolist(), report=context.report
        )
        figures = {"shards touched": len(wanted), "shards": len(model.members)}
        return Change(model, model.lineage.cost, figures=figures)


def touched(model: Model, data: Dataset, keep: Array) -> tuple[Array, Array]:
    """Shard numbers (n,) of all records, and those of the shards that saw a record not kept."""
    shard = shard_of(data, Sharded(**model.regime_settings))
    return shard, np.unique(shard[seen_by(model, data) & ~keep])
