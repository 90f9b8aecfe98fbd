"""Answer only what both halves allow (near access-freeness, CP-Δ and CP-k).

Formula: with the networks q₁ and q₂ of two disjoint halves, p = min(q₁, q₂)/Z or √(q₁ q₂)/Z; then
max log p/qᵢ ≤ -log Z, or KL(p ‖ qᵢ) ≤ -2 log Z: k nats, for each input. CP-k: p = q·1[q ≤ eᵏ q₁, q ≤ eᵏ q₂]/ν
for the networks' mean q; then max log p/qᵢ ≤ k - log ν, and where ν = 0 no answer is given.
Source: Vyas, Kakade and Barak (arXiv 2302.10870, section 3), for classifiers.
Guarantee: for records that all lie in one half, no answer is more than k nats likelier than the network that
never saw them would give it. A bound on outputs; it does not concern who owns what.
Fails when: the records lie in both halves (then neither network is free of them), k is large (the halves
disagree about just these inputs), or someone has the weights, which still hold the records.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from disgorge_core import training
from disgorge_core.methods.contract import Context, Facts
from disgorge_core.models.rules.near_access_free import KINDS, allowed
from disgorge_core.params import param
from disgorge_core.registry import METHODS
from disgorge_core.types import Array, Change, Family, Tier, Timing
from disgorge_core.words import reservation

ALREADY = (
    "The answers are limited so already, for these records too: choose a method that removes them."
)


@METHODS.register
@dataclass(frozen=True)
class Naf:
    """Limit the answers to what both halves allow."""

    name = "naf"
    title = "Answer only what both halves allow"
    family = Family.OUTPUT_GUARD
    timing = Timing.PROACTIVE
    tier = Tier.SUPPRESSED
    needs = ("model", "data", "forget")
    tasks = ("classification",)
    order = 910
    promise = (
        "Gives each answer at most the weight that the network gives it which never saw the record; both "
        "networks stay as they are and nothing is removed."
    )

    limit: str = param(KINDS[0], help="What the bound holds for", choices=KINDS)
    k: float = param(
        1.0,
        help='For "at most k": how much likelier an answer may be',
        unit="nats",
        min=0.0,
        max=20.0,
    )

    def why_not(self, facts: Facts) -> str | None:
        """Needs two networks of disjoint halves whose answers are not limited so already."""
        if facts.regime != "halves":
            return (
                "The model has no two halves: train one in the regime Two halves on the Model page."
            )
        wanted, there = self._kept(), facts.model.artefacts
        if all(name in there and np.array_equal(there[name], wanted[name]) for name in wanted):
            return ALREADY
        return None

    def price(self, facts: Facts) -> float:
        """No training at all."""
        return 0.0

    def run(self, context: Context) -> Change:
        """Another rule over the same networks."""
        model = replace(context.model, rule="near_access_free", artefacts=self._kept())
        rows = np.flatnonzero(context.forget)
        k = allowed(model, context.data.take(rows))[1]
        regime = training.regime_of(model)
        assert regime is not None
        halves = regime.parts(model, context.data)[:, rows].any(1)
        notes = (reservation("both halves"),) if halves.all() else ()
        return Change(model, 0.0, notes=notes, figures=_figures(k))

    def _kept(self) -> dict[str, Array]:
        """What the rule needs to know."""
        kind = {"naf_kind": np.array([KINDS.index(self.limit)])}
        return {**kind, "naf_k": np.array([self.k])} if self.limit == KINDS[2] else kind


def _figures(k: Array) -> dict[str, float]:
    """k (n,) of the removed records; those that get no answer are counted apart."""
    given, silent = k[np.isfinite(k)], {"answers withheld": float(np.isinf(k).sum())}
    if not len(given):
        return silent
    return {
        "k, mean (nats)": float(given.mean()),
        "k, largest (nats)": float(given.max()),
        **silent,
    }
