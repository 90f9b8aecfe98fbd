"""Train again only the shards that saw the records.

Formula: shard s of S holds the records with hash(id) mod S = s; the answer is mean_s f_s(x). For a forget
set F the shards {s : F ∩ shard s ≠ ∅} are trained again on what stays in them; the others are kept.
With R slices a shard is taken up again after the last stage that held none of F: stages r ≥ r_F of e_r
epochs on slices 1 to r. For K records the expected number of touched shards is S (1 - (1 - 1/S)^K), and
the expected record-passes are those of `sharding_plan.removal_passes`; one record costs
(2R + 1) / (3 S R) of a training, at best 1.5 times less than without slices.
With shards by a column, records that share its value touch one shard.
Source: SISA, Bourtoule et al. (arXiv 1912.03817, section V).
Guarantee: the result is, bit for bit, the sharded model trained without the records, and so are the
weights that are kept after its stages.
Fails when: the records lie in all shards (then it is a full retrain), or the choice of the records
depended on the model (Gupta et al., arXiv 2106.04378), which the claim says.
"""

from __future__ import annotations

from dataclasses import dataclass

from disgorge_core import sharding_plan
from disgorge_core.methods.contract import Context, Facts, seen_by
from disgorge_core.regimes.sharded import Sharded, refit_shards, removal_passes, restarts
from disgorge_core.registry import METHODS
from disgorge_core.training import regime_of
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
        """What the touched shards' stages read, as a share; the expected one before sharding."""
        regime, recipe = regime_of(facts.model), facts.recipe
        if not isinstance(regime, Sharded) or recipe is None:
            count = facts.n_train, 1, Sharded().shards, 1, facts.n_forget
            return sharding_plan.removal_share(*count)
        begin = touched(facts.model, facts.data, facts.keep)
        passes = removal_passes(facts.model, facts.data, facts.keep, begin)
        return passes / max(1.0, regime.burden(facts.data, facts.n_train, recipe).passes)

    def run(self, context: Context) -> Change:
        """Train the touched shards on what stays in them, from the last stage that held no such record."""
        begin = touched(context.model, context.data, context.keep)
        model = refit_shards(
            context.model, context.data, context.keep, begin, report=context.report
        )
        slices = Sharded(**context.model.regime_settings).slices
        figures: dict[str, int] = {"shards touched": len(begin), "shards": len(model.members)}
        if slices > 1:
            figures |= {"stages trained again": sum(slices - stage for stage in begin.values())}
        return Change(model, model.lineage.cost, figures=figures)


def touched(model: Model, data: Dataset, keep: Array) -> dict[int, int]:
    """The shards that saw a record not kept, and the stage that each is taken up again from."""
    return restarts(model, data, seen_by(model, data) & ~keep)
