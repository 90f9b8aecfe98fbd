"""Rewind to before the records came, and follow the log of batches again without them.

Formula: θ' = replay(L without F; θ_a), where L is the log of batches, and θ_a are the weights after the
last arrival that held none of F; batches keep their place in the schedule, and preprocessing is fitted
again to what is left. Cost: the stages after a, Σ_b>a e_b n_b of record-passes, n_b being the records
that had come by then.
Source: "rewind and replay" of a filtered log of training, Unlearning at Scale (arXiv 2508.12220);
research on data in the order of arrival, Bourtoule et al. (arXiv 1912.03817, section V, slices).
Guarantee: bit for bit the whole log followed from its start without the records, at the same number of
threads. It is not bitwise a new training without them, which would cut its batches anew.
Fails when: the records came early, or the log has no column of arrival: every record is met in the first
epoch, so nearly the whole training is paid; or the log, the recipe or the dataset are not those of the
model.
"""

from __future__ import annotations

from dataclasses import dataclass

from disgorge_core.methods.contract import Context, Facts, seen_by
from disgorge_core.regimes.logged import NO_LOG, arrived_in, replay, tail_passes, why_no_log
from disgorge_core.registry import METHODS
from disgorge_core.training import regime_of
from disgorge_core.types import Array, Change, Family, Tier, Timing
from disgorge_core.words import reservation


@METHODS.register
@dataclass(frozen=True)
class Rewind:
    """Go back to the last weights that never saw the records, and replay the log without them."""

    name = "rewind"
    title = "Rewind and replay the log"
    family = Family.RETRAINING
    timing = Timing.PROACTIVE
    tier = Tier.REBUILT
    needs = ("model", "data", "keep", "recipe")
    tasks = ("classification", "regression")
    order = 8
    promise = (
        "Goes back to weights from before the records came and follows the logged batches again without "
        "them; cheap for what came late."
    )

    def why_not(self, facts: Facts) -> str | None:
        """Needs a model with a log of this dataset."""
        if facts.recipe is None:
            return NO_LOG
        return why_no_log(facts.model, facts.data, _seen(facts))

    def price(self, facts: Facts) -> float:
        """The tail of the log after the first of the records; all that stays where there is no log."""
        regime, recipe = regime_of(facts.model), facts.recipe
        if regime is None or recipe is None or self.why_not(facts) is not None:
            return facts.n_keep / max(1, facts.n_train)
        passes = tail_passes(facts.model, facts.data, _seen(facts), facts.keep)
        return passes / max(1.0, regime.burden(facts.data, facts.n_train, recipe).passes)

    def run(self, context: Context) -> Change:
        """Rewind, and replay what is left."""
        seen = seen_by(context.model, context.data)
        model = replay(context.model, context.data, seen, context.keep, report=context.report)
        stage = arrived_in(context.model, context.data, seen)
        count = int(stage.max()) + 1
        again = count - int(stage[seen & ~context.keep].min())
        figures = {"arrivals replayed": again, "arrivals": count}
        return Change(model, model.lineage.cost, notes=(reservation("replayed"),), figures=figures)


def _seen(facts: Facts) -> Array:
    return seen_by(facts.model, facts.data)
