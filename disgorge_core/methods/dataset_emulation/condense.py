"""Drop the made-up records of the sources that leave, and train again on the others.

Formula: with made-up records Z_s condensed from the records of source s alone, the model becomes the training
on ∪ Z_s over the sources that are left; a source of which only some records go is condensed again
without them.
Source: dataset condensation by distribution matching (Zhao and Bilen, arXiv 2110.04181), here by the
centres of k-means, apart for each source.
Guarantee: bit for bit the model of the same regime that never held the records: no other source's made-up
records, and no start weights, depend on them. None of privacy (arXiv 2209.14987).
Fails when: other sources hold near-copies of the records; what stands for a source of few records is
nearly these records.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from disgorge_core.emulation.standing_in import made_of
from disgorge_core.methods.contract import Context, Facts
from disgorge_core.regimes.condensed import LOOK, Condensed, train_on
from disgorge_core.registry import METHODS
from disgorge_core.training.blueprint import blueprint
from disgorge_core.training.by_column import sources_of
from disgorge_core.training.order import by_key
from disgorge_core.training.task import job_of
from disgorge_core.types import Change, Family, Tier, Timing
from disgorge_core.words import reservation


@METHODS.register
@dataclass(frozen=True)
class Condense:
    """Train again on the made-up records of the sources that stay."""

    name = "condense"
    title = "Drop the sources' stand-ins"
    family = Family.DATASET_EMULATION
    timing = Timing.PREEMPTIVE
    tier = Tier.ISOLATED
    needs = ("model", "data", "forget", "keep", "recipe")
    tasks = ("classification",)
    order = 8
    promise = (
        "Drops the made-up records that stand for the sources that leave and trains again on the few that "
        "are left, in seconds."
    )

    def why_not(self, facts: Facts) -> str | None:
        """Needs a model that was trained on condensed records."""
        if facts.regime != Condensed.name:
            return "The model saw the records: train one in the regime Condensed by source on the Model page."
        return None

    def price(self, facts: Facts) -> float:
        """The training on made-up records, which is small beside one on all of them."""
        if facts.regime != Condensed.name or facts.recipe is None:
            return 0.1
        regime = Condensed(**facts.model.regime_settings)
        full = regime.burden(facts.data, facts.n_train, facts.recipe).passes
        made = len(facts.model.artefacts["emulated_y"]) * regime.epochs * facts.recipe.epochs
        sources = sources_of(facts.data, regime.source)
        again = facts.keep & np.isin(sources, np.unique(sources[facts.forget]))
        return float((made + LOOK * again.sum()) / full)

    def run(self, context: Context) -> Change:
        """Condense touched sources again, drop those without records, train on what is left."""
        model, data = context.model, context.data
        regime = Condensed(**model.regime_settings)
        job = job_of(
            data, blueprint(model, data), context.recipe, context.keep, [context.recipe.seed]
        )
        sources, known = sources_of(data, regime.source), {}
        touched = np.unique(sources[context.forget]).tolist()
        for name, made in made_of(model.artefacts).items():
            if name not in touched:
                rows = by_key(data.keys, np.flatnonzero(context.keep & (sources == name)))
                known[rows.tobytes()] = made
        again = np.isin(sources, touched) & context.keep
        found = train_on(job, 0, regime, regime.made(job, 0, known), None)
        spared = LOOK * float((context.keep & ~again).sum())  # what was condensed before
        figures = {
            "sources dropped": float(len(set(touched) - set(np.unique(sources[again]).tolist()))),
            "records made up": float(len(found.artefacts["emulated_y"])),
        }
        return Change(
            found, found.lineage.cost - spared, notes=(reservation("emulated"),), figures=figures
        )
