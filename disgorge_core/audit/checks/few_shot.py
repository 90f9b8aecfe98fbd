"""Relearning from a few: do some of the removed records bring back the others?

The same as `relearning`, but a tenth of the removed records (at least 1, at most 20, drawn by the seed of the
pass marks) are trained on along with the kept ones, and the trace is taken on the other removed records. A
model that never saw them learns little about the others from so few; one that only hides them finds
them again (Siddiqui et al., arXiv 2505.22310).

Fooled by: removed records of one owner or class, where few examples teach the others to any model; the
references had the same few, so only what goes beyond them counts. Records with wrong labels teach each
other nothing, and then it says what `relearning` says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from disgorge_core.audit import comes_back
from disgorge_core.audit.bench import REMOVED, Bench
from disgorge_core.audit.contract import BOTH, Measured, needs_references
from disgorge_core.audit.more_training import why_not_further
from disgorge_core.params import param
from disgorge_core.registry import CHECKS
from disgorge_core.types import About, Array, Marks, Recipe

SAYS = (
    "All models were trained a little further on kept records and {few} of the removed ones: what then rises "
    "above the references on the other {others} was still in the weights."
)
ONE = "There is one removed record only, so there are no others that it could bring back."


@CHECKS.register
@dataclass(frozen=True)
class FewShot:
    """The trace on other removed records after training on a few of them."""

    name, title, order = "few_shot", "Trace after a few removed records are seen again", 71
    tasks, about = BOTH, About.MODEL

    epochs: int = param(3, help="Passes over the kept records and the few", min=1, max=50)
    share: float = param(0.1, label="Removed records seen again", help="Share of the removed records that "
                         "is trained on", min=0.01, max=0.5)  # fmt: skip
    most: int = param(
        20, label="At most", help="Removed records that are trained on", min=1, max=1000
    )

    def why_not(self, bench: Bench) -> str | None:
        """References, models that can be trained further, and two removed records."""
        reason = needs_references(bench) or why_not_further(bench)
        return reason or (ONE if bench.sets[REMOVED].sum() < 2 else None)

    def price(self, marks: Marks, recipe: Recipe) -> float:
        """All models for a few epochs, in full trainings."""
        return comes_back.price(marks, recipe, self.epochs)

    def run(self, bench: Bench) -> Sequence[Measured]:
        """One finding, on the removed records that were not seen again."""
        assert bench.keep is not None
        few, others = self.split(bench.rows[bench.sets[REMOVED]], bench.marks.seed)
        keep = bench.keep.copy()
        keep[few] = True
        finding = comes_back.finding(
            bench, keep, others, self.epochs, check=self.name, measure=self.title,
            says=SAYS.format(few=len(few), others=len(others)),
        )  # fmt: skip
        return [Measured(finding)]

    def split(self, rows: Array, seed: int) -> tuple[Array, Array]:
        """Rows to train on, and the others."""
        size = min(max(1, round(self.share * len(rows))), self.most)
        mixed = np.random.default_rng(seed).permutation(rows)
        return np.sort(mixed[:size]), np.sort(mixed[size:])
