"""Take the records out of the sums that a closed-form model is made of, and solve again.

Formula: G = Σ_{i ∈ kept} [x_i; t_i; 1] [x_i; t_i; 1]ᵀ is held as partial sums over blocks of records. For a
forget set the touched blocks are added up again from what stays, in the fixed order, and the weights are
solved from the sums: ridge W = (Σ x xᵀ + n λ I)⁻¹ Σ x tᵀ, nearest mean from the classes' sums. Scaling is
part of the sums and is fitted anew.
Source: summation form, Cao and Yang (IEEE S&P 2015, section IV).
Guarantee: bit for bit the model that a fit without the records gives; nothing is subtracted, so no
rounding of the removed records stays.
Fails when: the model is not made of sums over records, or its sums were not kept.
"""

from __future__ import annotations

from dataclasses import dataclass

from disgorge_core import training
from disgorge_core.methods.contract import Context, Facts, seen_by
from disgorge_core.registry import METHODS
from disgorge_core.types import Change, Family, Tier, Timing


@METHODS.register
@dataclass(frozen=True)
class Statistics:
    """Add up the touched blocks again and solve."""

    name = "statistics"
    title = "Take the records out of the sums"
    family = Family.RETRAINING
    timing = Timing.REACTIVE
    tier = Tier.REBUILT
    needs = ("model", "data", "keep", "recipe")
    tasks = ("classification", "regression")
    order = 1
    promise = (
        "Adds up the model's sums again without the records and solves for the weights, exactly as a fit "
        "that never saw them; it works for ridge and nearest-mean models only."
    )

    def why_not(self, facts: Facts) -> str | None:
        """Needs the sums of a closed-form model, and to know what is in them."""
        if "gram" not in facts.artefacts:
            return "The model is not a sum over its records: train ridge or nearest mean here."
        if facts.model.seen is None:
            return "It is unknown which records are in the sums: train the model here."
        return None

    def price(self, facts: Facts) -> float:
        """Share of the records that lie in touched blocks; all of them before the blocks are known."""
        if "gram" not in facts.artefacts:
            return facts.n_keep / max(1, facts.n_train)
        gone = seen_by(facts.model, facts.data) & ~facts.keep
        blocks = len(facts.model.artefacts["gram"])
        touched = len(training.closed_form.touched(facts.model, facts.data, gone))
        return touched / blocks * facts.n_keep / max(1, facts.n_train)

    def run(self, context: Context) -> Change:
        """Remove from the sums; the passes are the records added up again."""
        gone = seen_by(context.model, context.data) & ~context.keep
        touched = training.closed_form.touched(context.model, context.data, gone)
        model = training.closed_form.remove(context.model, context.data, context.keep)
        figures = {"blocks touched": len(touched), "blocks": len(context.model.artefacts["gram"])}
        return Change(model, model.lineage.cost, figures=figures)
