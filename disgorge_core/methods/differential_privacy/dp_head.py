"""Nothing to do for few records: noise on the weights of a convex head hides what each of them moved.

Formula: one record moves the optimum of Σ ℓ + λ n/2 ‖W‖² by at most Δ = √2/(λ n) for records of length 1,
and noise is drawn for that: Gaussian N(0, (Δ/μ)²) for (ε, δ), or of density exp(-ε ‖b‖ / Δ) for δ = 0. k
records together are (kε, k e^((k-1)ε) δ); k counts all records that were removed so far.
Source: output perturbation, Chaudhuri, Monteleoni and Sarwate (JMLR 12, 2011, Algorithm 1), here for
softmax and for adding or removing a record; Gaussian noise by Balle and Wang (arXiv 1805.06530).
Guarantee: an observer's odds between this head and one that was fitted so without the records change by at
most that factor, over the draw of the seed; the data are still in this model's training history.
Fails when: many records go, the seed is known, ranges were read exactly, or a backbone before the head has
seen the records, which the claim says.
"""

from __future__ import annotations

from dataclasses import dataclass

from disgorge_core.methods.contract import Context, Facts
from disgorge_core.methods.differential_privacy.covered import (
    tier_within,
    why_not_covered,
    within_bound,
)
from disgorge_core.registry import METHODS
from disgorge_core.types import Change, Family, Tier, Timing


@METHODS.register
@dataclass(frozen=True)
class DpHead:
    """Leave a private head as it is, and say what its bound covers."""

    name = "dp_head"
    title = "Rely on a private head"
    family = Family.DIFFERENTIAL_PRIVACY
    timing = Timing.PREEMPTIVE
    tier = Tier.CERTIFIED
    needs = ("model", "data", "keep")
    tasks = ("classification",)
    order = 44
    promise = (
        "Changes nothing: the noise on the head's weights hides what a few records moved, and the limit for "
        "these records is said."
    )

    def why_not(self, facts: Facts) -> str | None:
        """Needs a private head."""
        return why_not_covered(facts, "dp_head", "Private head")

    def price(self, facts: Facts) -> float:
        """Nothing."""
        return 0.0

    def tier_for(self, facts: Facts) -> Tier:
        """Empirical where there is no meaningful bound for so many records."""
        return tier_within(facts)

    def run(self, context: Context) -> Change:
        """Account for all records that were removed so far."""
        return within_bound(context)
