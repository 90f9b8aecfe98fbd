"""Train again the nodes of a shard graph that saw the records.

Formula: node i learnt from U_i, its own shard and those that it points to. For a forget set F the heads of
the nodes {i : F ∩ U_i ≠ ∅} are trained again on U_i \\ F, nodes whose own shard is empty are dropped, and
the answer is Σ_i π_i(x) h_i(x) over what is left, π_i(x) being how near x lies to the class means of U_i.
Work: Σ_i |U_i \\ F| epochs over the touched nodes; one record touches d + 1 nodes of d + 1 shards each.
Source: SAFE, Dukler et al. (ICCV 2023, arXiv 2304.13169); the graph here is a ring (`regimes.shard_graph`).
Guarantee: bit for bit the model of the same regime and graph that never held the records; the layers
before the heads never saw any record of this dataset.
Fails when: the records lie in shards all around the ring or are safe ones (then everything is trained
again), or what stands before the heads is a backbone whose history is unknown, which the claim says.
"""

from __future__ import annotations

from dataclasses import dataclass

from disgorge_core.methods.contract import Context, Facts
from disgorge_core.regimes.shard_graph import ShardGraph, expected_share
from disgorge_core.registry import METHODS
from disgorge_core.training.heads import refit_heads, touched
from disgorge_core.types import Change, Family, Tier, Timing


@METHODS.register
@dataclass(frozen=True)
class Safe:
    """Retrain the heads of a shard graph that saw the records."""

    name = "safe"
    title = "Retrain the nodes that saw the records"
    family = Family.COMPARTMENTALIZATION
    timing = Timing.PROACTIVE
    tier = Tier.ISOLATED
    needs = ("model", "data", "forget", "keep", "recipe")
    tasks = ("classification", "regression")
    order = 6
    promise = (
        "Trains the heads of a shard graph again that learnt from a touched shard, and drops those whose own "
        "shard leaves as a whole."
    )

    def why_not(self, facts: Facts) -> str | None:
        """Needs a model that was trained as a shard graph."""
        if facts.regime != ShardGraph.name:
            return "The model is no shard graph: train one as a shard graph on the Model page."
        return None

    def price(self, facts: Facts) -> float:
        """What the touched nodes read, as a share of all; the expected one before there is a graph."""
        if facts.regime != ShardGraph.name or facts.recipe is None:
            usual = ShardGraph()
            return expected_share(usual.shards, usual.degree, facts.n_train, facts.n_forget)
        regime = ShardGraph(**facts.model.regime_settings)
        again = touched(regime, facts.data, facts.keep, facts.forget)
        passes = facts.recipe.epochs * float(sum(mask.sum() for mask in again.values()))
        return passes / max(1.0, regime.burden(facts.data, facts.n_train, facts.recipe).passes)

    def run(self, context: Context) -> Change:
        """The heads that were not touched, and those that were trained again."""
        model, data, keep = context.model, context.data, context.keep
        regime = ShardGraph(**model.regime_settings)
        again = touched(regime, data, keep, context.forget)
        new = refit_heads(model, data, regime, context.recipe, keep, context.forget, context.report)
        dropped = len(model.members) - len(new.members)
        figures = {"nodes dropped": dropped, "nodes trained again": len(again)}
        return Change(new, new.lineage.cost, figures={**figures, "nodes": len(new.members)})
