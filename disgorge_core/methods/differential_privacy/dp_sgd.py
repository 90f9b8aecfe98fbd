"""Nothing to do for few records: how the model was trained limits what they can have done.

Formula: a model that is (ε, δ)-private for one record is (kε, k e^((k-1)ε) δ)-private for k records
together; k counts all records that were removed so far. Where kε > 10, or where that δ reaches 1/n, there
is no meaningful bound, and the tier drops to empirical.
Source: DP-SGD, Abadi et al. (arXiv 1607.00133), with the group property of Dwork and Roth (2014, Theorem
2.2); as preemptive removal: Ginart et al. (arXiv 1907.05012), Sekhari et al. (arXiv 2103.03279).
Guarantee: an observer's odds between this model and one that was trained so without the records change by
at most that factor, over the draw of the seed; the data are still in this model's training history.
Fails when: many records go (the bound grows with each), the observer knows the seed, known words of texts
or exact ranges were fitted to the records, or other models of the same records are known too.
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
class DpSgd:
    """Leave a privately trained model as it is, and say what its bound covers."""

    name = "dp_sgd"
    title = "Rely on private training"
    family = Family.DIFFERENTIAL_PRIVACY
    timing = Timing.PREEMPTIVE
    tier = Tier.CERTIFIED
    needs = ("model", "data", "keep")
    tasks = ("classification", "regression")
    order = 40
    promise = (
        "Changes nothing: the model was trained so that a few records can hardly have mattered, and the "
        "limit for these records is said."
    )

    def why_not(self, facts: Facts) -> str | None:
        """Needs a model of the private regime."""
        return why_not_covered(facts, "dp_sgd", "Private (DP-SGD)")

    def price(self, facts: Facts) -> float:
        """Nothing."""
        return 0.0

    def tier_for(self, facts: Facts) -> Tier:
        """Empirical where there is no meaningful bound for so many records."""
        return tier_within(facts)

    def run(self, context: Context) -> Change:
        """Account for all records that were removed so far."""
        return within_bound(context)
