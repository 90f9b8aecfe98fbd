"""Nothing to do for few records: a student of noisy votes can hardly have learned of any one of them.

Formula: M queries with noise σ are (ε, δ) with ε = M/σ² + 2 √(M log(1/δ))/σ for one record, so k records
together are (kε, k e^((k-1)ε) δ); k counts all records that were removed so far.
Source: PATE, Papernot et al. (arXiv 1610.05755), GNMax, Papernot et al. (arXiv 1802.08908), by the bound
that does not look at the votes; the group property of Dwork and Roth (2014, Theorem 2.2).
Guarantee: an observer's odds between this student and one whose teachers never had the records change by at
most that factor, over the draw of the seed; the votes of teachers who saw the records are in its training
history.
Fails when: many records go, the inputs that were voted on are not public, or the seed is known. Training
one teacher again would not help: the student has seen that teacher's votes.
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
from disgorge_core.words import reservation


@METHODS.register
@dataclass(frozen=True)
class Pate:
    """Leave the student of private votes as it is, and say what its bound covers."""

    name = "pate"
    title = "Rely on private votes"
    family = Family.DIFFERENTIAL_PRIVACY
    timing = Timing.PREEMPTIVE
    tier = Tier.CERTIFIED
    needs = ("model", "data", "keep")
    tasks = ("classification",)
    order = 42
    promise = (
        "Changes nothing: the student learned from noisy votes in which a few records can hardly have "
        "mattered, and the limit for these records is said."
    )

    def why_not(self, facts: Facts) -> str | None:
        """Needs a student of private votes."""
        return why_not_covered(facts, "pate", "Private votes (PATE)")

    def price(self, facts: Facts) -> float:
        """Nothing."""
        return 0.0

    def tier_for(self, facts: Facts) -> Tier:
        """Empirical where there is no meaningful bound for so many records."""
        return tier_within(facts)

    def run(self, context: Context) -> Change:
        """Account for all records that were removed so far."""
        return within_bound(context, reservation("votes seen"))
