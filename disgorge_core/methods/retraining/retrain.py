"""Train again on the retain set, with the recorded recipe and seed.

Formula: θ' = A(R; recipe, seed), where A is the training algorithm, R the kept training records, and
everything that is fitted to data (scaling, categories, batch statistics) is fitted to R as well.
Source: the definition of exact unlearning, Cao and Yang (2015); "naive retraining" in Bourtoule et al.
(arXiv 1912.03817).
Guarantee: the run's inputs exclude the records, so the result is bitwise what the same training gives
on a dataset that never held them.
Fails when: the recipe is not the one that made the model (then the result is a different model, still
without the records), or near-duplicates of the records stay in R.
"""

from __future__ import annotations

from dataclasses import dataclass

from disgorge_core import training
from disgorge_core.methods.contract import Context, Facts
from disgorge_core.registry import METHODS
from disgorge_core.types import Change, Family, Tier, Timing


@METHODS.register
@dataclass(frozen=True)
class Retrain:
    """Train again on the kept records with the recorded recipe and seed."""

    name = "retrain"
    title = "Retrain without the records"
    family = Family.RETRAINING
    timing = Timing.REACTIVE
    tier = Tier.REBUILT
    needs = ("model", "data", "keep")
    tasks = ("classification", "regression")
    order = 10
    promise = (
        "Trains the model again from its start without the records; it does not check that "
        "near-duplicates left in carry nothing of them."
    )

    def why_not(self, facts: Facts) -> str | None:
        """Needs a recipe."""
        if facts.recipe is None:
            return "The recipe is unknown: state the recipe on the Model page."
        return None

    def price(self, facts: Facts) -> float:
        """The share of records that stays."""
        return facts.n_keep / max(1, facts.n_train)

    def run(self, context: Context) -> Change:
        """Train on exactly the kept records."""
        model = training.refit(context.model, context.data, context.keep, report=context.report)
        return Change(model, model.lineage.cost)
