"""Solve the linear user part again without the records; the core never saw them.

Formula: answers are f(x; w) + J(x) u, with w from core records only and u the minimum, over the kept records
R, of 1/(2|R|) Σ ‖J_i u - r_i‖² + λ/2 ‖u‖², by conjugate gradients from 0. r_i is what the core leaves of a
user record's target, and 0 for core records, which hold their answers; u = 0 if no user record stays.
Source: mixed-privacy forgetting, Golatkar et al. (arXiv 2012.13431), with the loss of LQF, Achille et al.
(arXiv 2012.11140). They update u by a step from the old one and add noise; here the quadratic is solved
afresh, which needs no noise: the old u plays no part. That core records hold their answers is added here.
Guarantee: the result is, bit for bit, the model of this regime that was trained without the records; with all
of them gone its answers are those of the core alone. Nothing better than what is known of the core, and of a
backbone before it, can be said of the whole.
Fails when: a record of the request is core (refused), or the filter's columns were changed since training.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from disgorge_core.methods.contract import Context, Facts
from disgorge_core.models.rules.linearized import USER
from disgorge_core.regimes.linearized import MixedPrivacy
from disgorge_core.registry import METHODS
from disgorge_core.types import Change, Family, Recipe, Tier, Timing

NOT_LINEARIZED = (
    "The model has no linear user part: train one with a core and a user part on the Model page."
)
CORE = "{count} of these records are core, and shaped the core weights: retrain for those, or choose others."


@METHODS.register
@dataclass(frozen=True)
class Linearized:
    """A new solve of the user weights on what stays."""

    name = "linearized"
    title = "Solve the user part again"
    family = Family.SELECTIVE_FORGETTING
    timing = Timing.PROACTIVE
    tier = Tier.ISOLATED
    needs = ("model", "data", "keep")
    tasks = ("classification", "regression")
    order = 340
    promise = (
        "Keeps the core network, which never saw the records, and solves the linear weights of the user "
        "records again without them."
    )

    def why_not(self, facts: Facts) -> str | None:
        """Needs a model with a user part, and user records."""
        if facts.regime != MixedPrivacy.name or USER not in facts.artefacts:
            return NOT_LINEARIZED
        core = MixedPrivacy(**facts.model.regime_settings).is_core(facts.data)
        count = int((core & facts.forget).sum())
        return CORE.format(count=f"{count:,}") if count else None

    def price(self, facts: Facts) -> float:
        """A usual solve on the kept user records, over a training of core and user part."""
        if facts.regime != MixedPrivacy.name or facts.recipe is None:
            steps = MixedPrivacy().iterations  # half core, half users
            return steps / (steps + (facts.recipe or Recipe()).epochs)
        regime = MixedPrivacy(**facts.model.regime_settings)
        full = regime.burden(facts.data, facts.n_train, facts.recipe).passes
        core = regime.is_core(facts.data)
        users = facts.keep & ~core
        solving = facts.keep if regime.anchor and users.any() else users
        return float(regime.iterations * solving.sum() / full)

    def run(self, context: Context) -> Change:
        """The core as it is, the user part solved on what stays."""
        model, data = context.model, context.data
        regime = MixedPrivacy(**model.regime_settings)
        core = regime.is_core(data)
        bare = replace(model, lineage=replace(model.lineage, cost=0.0))
        new = regime.solved(bare, data, context.keep, core)
        sizes = [float(np.linalg.norm(m.artefacts[USER])) for m in (model, new)]
        figures = {
            "user records left": float((context.keep & ~core).sum()),
            "size of the user part before": sizes[0],
            "size of the user part after": sizes[1],
        }
        return Change(new, new.lineage.cost, figures=figures)
