"""Drop the heads of sources that leave; train a head again where only some of its records go.

Formula: with heads h_s for the sources s, h_s is kept where F ∩ s = ∅, dropped where s ⊂ F, and trained again
on s \\ F otherwise, class means with them; the answer is Σ_s π_s(x) h_s(x) over what is left, where π_s(x) is
how near x lies to the class means of s.
Source: à-la-carte learning, Bowman et al. (arXiv 2302.07994).
Guarantee: bit for bit the model of the same regime that never held the records; the layers before the
heads never saw any record of this dataset.
Fails when: other sources hold near-copies of the records, or what stands before the heads is a backbone
whose history is unknown, which the claim says.
"""

from __future__ import annotations

from dataclasses import dataclass

from disgorge_core.methods.contract import Context, Facts
from disgorge_core.regimes.adapters import Adapters as Regime
from disgorge_core.registry import METHODS
from disgorge_core.training.heads import refit_heads, touched
from disgorge_core.types import Change, Family, Tier, Timing


@METHODS.register
@dataclass(frozen=True)
class Adapters:
    """Drop or retrain the heads of the sources that the records come from."""

    name = "adapters"
    title = "Drop the sources' adapters"
    family = Family.COMPARTMENTALIZATION
    timing = Timing.PROACTIVE
    tier = Tier.ISOLATED
    needs = ("model", "data", "forget", "keep", "recipe")
    tasks = ("classification", "regression")
    order = 6
    promise = (
        "Drops the head of each source that leaves as a whole, and trains the head of a source again "
        "where only some of its records go."
    )

    def why_not(self, facts: Facts) -> str | None:
        """Needs a model with a head for each source."""
        if facts.regime != Regime.name:
            return "The model has no adapters: train one in adapters by source on the Model page."
        return None

    def price(self, facts: Facts) -> float:
        """Share of the records whose source is touched and stays; nothing before there are sources."""
        if facts.regime != Regime.name:
            return 0.0
        regime = Regime(**facts.model.regime_settings)
        again = touched(regime, facts.data, facts.keep, facts.forget)
        return float(sum(mask.sum() for mask in again.values()) / max(1, facts.n_train))

    def run(self, context: Context) -> Change:
        """The heads that were not touched, and those that were trained again."""
        model, data, keep = context.model, context.data, context.keep
        regime = Regime(**model.regime_settings)
        again = touched(regime, data, keep, context.forget)
        new = refit_heads(model, data, regime, context.recipe, keep, context.forget, context.report)
        dropped = len(model.members) - len(new.members)
        figures = {"adapters dropped": dropped, "adapters trained again": len(again)}
        return Change(new, new.lineage.cost, figures=figures)
