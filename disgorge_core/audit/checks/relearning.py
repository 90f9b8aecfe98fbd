"""Relearning: does more training on kept records alone bring the trace back?

What was removed stays away when a model is trained further without the records; what was only suppressed
comes back, as the weights still hold it (Siddiqui et al., arXiv 2505.22310: from half of the records to
nearly all, while retrained models stay where they are). Every model goes on for a few epochs on the kept
records, at the mean learning rate of the recipe; then the trace s (see `trace`) is taken again, between
references and twins that had the same training, and ranked among the references' own. Where no trace can be
told from chance, the mean margin on the removed records (for numbers: minus the mean absolute residual)
takes its place.

Fooled by: weights that are hard to train from (the rate is the recipe's, an attacker may find a better one),
and removed records that nothing kept points to, such as a whole class: see `few_shot`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from disgorge_core.audit import comes_back
from disgorge_core.audit.bench import REMOVED, Bench
from disgorge_core.audit.contract import BOTH, Measured, needs_references
from disgorge_core.audit.more_training import why_not_further
from disgorge_core.params import param
from disgorge_core.registry import CHECKS
from disgorge_core.types import About, Decides, Marks, Recipe

SAYS = (
    "All models were trained a little further on kept records only: what then rises above the references "
    "was suppressed, not removed."
)


@CHECKS.register
@dataclass(frozen=True)
class Relearning:
    """The trace that is left after more training on kept records."""

    name, title, order = "relearning", "Trace after more training on kept records", 70
    tasks, about = BOTH, About.MODEL

    epochs: int = param(3, help="Passes over the kept records", min=1, max=50)

    def why_not(self, bench: Bench) -> str | None:
        """References, and models that can be trained further."""
        return needs_references(bench) or why_not_further(bench)

    def price(self, marks: Marks, recipe: Recipe) -> float:
        """All models for a few epochs, in full trainings."""
        return comes_back.price(marks, recipe, self.epochs)

    def run(self, bench: Bench) -> Sequence[Measured]:
        """One finding, on the removed records."""
        assert bench.keep is not None
        rows = bench.rows[bench.sets[REMOVED]]
        finding = comes_back.finding(
            bench, bench.keep, rows, self.epochs, check=self.name, measure=self.title, says=SAYS
        )
        lowers = finding.unit == "share"  # a mean margin cannot be held against the tolerance
        return [Measured(replace(finding, decides=Decides.LOWERS) if lowers else finding)]
