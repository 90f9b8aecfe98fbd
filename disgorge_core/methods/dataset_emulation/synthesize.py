"""Fit the distribution again without the records, draw others from it, and train on those.

Formula: with a distribution P fitted to the kept records of each class (`regimes.synthesized`), the model
becomes the training on fresh draws from P. Where P was fitted within a privacy bound that covers all records
that were removed so far, nothing is done: k of them together are (kε, k e^((k-1)ε) δ).
Source: private distributions to draw from, as post-processing, Dwork and Roth (2014, Proposition 2.1); counts
of columns and Gaussians, as in McKenna, Miklau and Sheldon (arXiv 2108.04978) and Abowd and Vilhuber (PSD
2008); group property: Dwork and Roth (2014, Theorem 2.2).
Guarantee: drawn again, bit for bit the model of the same regime that never held the records; left as it is,
an observer's odds change by at most that factor, over the draw of the seed. Without a private fit none of
privacy (arXiv 2011.07018).
Fails when: kept records are near-copies of the removed ones; for the bound, many records go, or the
seed is known.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from disgorge_core.methods.contract import Context, Facts
from disgorge_core.methods.differential_privacy.covered import removed_so_far, within_bound
from disgorge_core.params import make, param
from disgorge_core.privacy.bound import bound_of
from disgorge_core.regimes.synthesized import LOOK, Synthesized
from disgorge_core.registry import METHODS
from disgorge_core.training.blueprint import blueprint
from disgorge_core.training.task import job_of
from disgorge_core.types import Change, Family, Tier, Timing
from disgorge_core.words import reservation


@METHODS.register
@dataclass(frozen=True)
class Synthesize:
    """Draw the training records again without the removed ones, or rely on a private fit."""

    again: bool = param(
        False, label="Always draw again",
        help="Fit, draw and train again even where a privacy bound covers the records",
    )  # fmt: skip

    name = "synthesize"
    title = "Draw the records again"
    family = Family.DATASET_EMULATION
    timing = Timing.PREEMPTIVE
    tier = Tier.REBUILT
    needs = ("model", "data", "keep", "recipe")
    tasks = ("classification",)
    order = 9
    promise = (
        "Fits the distribution without the records and trains on fresh draws; does nothing where it was "
        "fitted within a privacy limit that covers the records."
    )

    def why_not(self, facts: Facts) -> str | None:
        """Needs a model that was trained on drawn records."""
        if facts.regime != Synthesized.name:
            return "The model saw the records: train one in the regime Made-up records on the Model page."
        return None

    def price(self, facts: Facts) -> float:
        """Nothing where the bound covers the records, else a training on as many draws as records stay."""
        return 0.0 if self._rests(facts) else facts.n_keep / facts.n_train

    def tier_for(self, facts: Facts) -> Tier:
        """Certified where the bound covers the records, and nothing is done."""
        return Tier.CERTIFIED if self._rests(facts) else self.tier

    def run(self, context: Context) -> Change:
        """Account for the records, or train again without them."""
        if self._rests(context):
            return replace(within_bound(context), tier=Tier.CERTIFIED)
        model, data, recipe = context.model, context.data, context.recipe
        regime: Synthesized = make(Synthesized, model.regime_settings)
        job = job_of(data, blueprint(model, data), recipe, context.keep, [recipe.seed])
        found = regime.train(job, 1, context.report).models[0]
        figures = {
            "records drawn": (found.lineage.cost - LOOK * context.keep.sum()) / recipe.epochs
        }
        notes = () if regime.private else (reservation("emulated"),)
        return Change(found, found.lineage.cost, notes=notes, figures=figures)

    def _rests(self, known: Facts | Context) -> bool:
        """Whether nothing is done: a bound covers all records that were removed so far."""
        bound = bound_of(known.model)
        if self.again or bound is None:
            return False
        return bound.meaningful(removed_so_far(known.model, known.data, known.keep))
