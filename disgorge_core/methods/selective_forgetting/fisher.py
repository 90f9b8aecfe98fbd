"""Noise on the weights where the kept records leave them loose; nothing is trained.

Formula: with n ~ N(0, I), θ ← θ + (λσ²)^{1/4} F_R^{-1/4} n, that is variance a F_R^{-e} with e = 1/2; F_R is
the diagonal of the Fisher (with L2) on the kept records at θ, no less than a thousandth of its mean. The
strength sets a: a weight of mean Fisher gets strength times the root mean square of all weights.
Nats remaining: ½ Σ Δ²/v, the KL divergence between the noisy weights with and without F at one seed, where
Δ, the way to the unknown weights without F, is one damped Newton step of the mean loss.
Source: Golatkar, Achille and Soatto (arXiv 1911.04933): Propositions 1 and 2 (nats bound what any reader of
the weights learns about F), Proposition 4 (the least costly noise has e = 1/2). The authors' published code
takes e = 1 with clamps, and twice the KL in the other direction; here it is ½, from old to without F.
Guarantee: none for networks. If the loss is quadratic between the two weights and both get this noise,
nobody reads more than these nats about F out of the weights. On small networks the estimate was 3 to 33
times what the model that was retrained with the same seed shows (`benchmarks/forgetting_order.py`).
Fails when: what F taught sits in weights that R needs as well, as then only noise that costs accuracy
hides it; the means do not move, so with little noise nothing is removed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from disgorge_core import training
from disgorge_core.curvature import moved
from disgorge_core.methods.contract import Context, Facts
from disgorge_core.methods.selective_forgetting.gauss_newton import (
    fisher_of,
    noise_of,
    only_own_weights,
    said_of_nats,
    unflat,
    way_to_without,
)
from disgorge_core.methods.selective_forgetting.steps import share_of_full
from disgorge_core.methods.validation_guard import largest_step
from disgorge_core.params import param
from disgorge_core.registry import METHODS
from disgorge_core.types import Change, Family, Tier, Timing

STEPS = (1.0, 0.5, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01)
FLOOR = 1e-3


@METHODS.register
@dataclass(frozen=True)
class FisherNoise:
    """Noise by the inverse Fisher of the kept records."""

    name = "fisher"
    title = "Noise by the Fisher information"
    family = Family.SELECTIVE_FORGETTING
    timing = Timing.REACTIVE
    tier = Tier.EMPIRICAL
    needs = ("model", "data", "forget", "keep", "validation", "curvature")
    tasks = ("classification", "regression")
    order = 450
    promise = (
        "Blurs the weights where the kept records hold them least, as far as the validation records allow, "
        "and estimates how much of the records the weights can still tell; accuracy is the price."
    )

    strength: float = param(
        0.0,
        help="Noise on a weight of average importance, as a share of the weights' size; 0 takes the largest "
        "that costs at most 2 points of validation quality",
        min=0.0,
        max=10.0,
    )
    exponent: float = param(
        0.5,
        help="Power of the inverse Fisher in the noise's variance: 0.5 by the paper's formula, 1 as its "
        "published code",
        min=0.0,
        max=2.0,
        advanced=True,
    )

    def why_not(self, facts: Facts) -> str | None:
        """Needs one network that was trained as a whole here."""
        return only_own_weights(facts)

    def price(self, facts: Facts) -> float:
        """Two passes for the Fisher, one for the estimate of what remains."""
        return share_of_full(facts, 2 * facts.n_keep + facts.n_train, 1.0)

    def run(self, context: Context) -> Change:
        """The strongest noise that the validation records allow."""
        rows = np.flatnonzero(context.keep)
        fisher = fisher_of(context)
        noise = noise_of(fisher, self.exponent, FLOOR, context.seed)
        apart = way_to_without(context, fisher)
        like = fisher.like

        def attempt(strength: float) -> Change:
            after = moved(context.model, unflat(noise.drawn, like), strength)
            after = training.refresh_buffers(after, context.data, rows)
            return Change(after, 0.0, figures={"nats remaining": noise.nats(apart, strength)})

        change = largest_step(context, attempt, self.strength, STEPS)
        passes = fisher.passes + len(rows) + int(context.forget.sum())
        notes = (*said_of_nats(change), *change.notes)
        return replace(change, passes=change.passes + passes, notes=notes)
