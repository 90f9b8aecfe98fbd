"""Labels in the features: can the labels of the removed records be read from below the last layer?

A linear reader (ridge, see `audit.features`) learns labels from the features of kept records and is asked for
the removed ones. So it is a new last layer in closed form: where a wrong or rare label of a removed record
still stands in the features, it reads it, whatever the model's own last layer was made to say. Its mean
score for the label (fitted to 1 for a record's own label and 0 for others) is ranked among that of
references. A linear probe (Alain & Bengio, arXiv 1610.01644), asked what RULER (arXiv 2605.27569) asks in
other ways: whether features hold what answers no longer show.

Fooled by: labels that are right, as any model's features say them; then references read them too and nothing
is odd. Labels that fewer than 5 kept records have are left out. It describes and decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from disgorge_core import metrics
from disgorge_core.audit import features
from disgorge_core.audit.bench import KEPT, REMOVED, Bench
from disgorge_core.audit.contract import Measured, estimates, needs_references, odds
from disgorge_core.audit.ranks import Ranked
from disgorge_core.registry import CHECKS
from disgorge_core.types import About, Array, Finding

MOST = 2000  # kept records that the reader learns from, and removed records that it is asked for
SAYS = (
    "How strongly a new last layer, which learned from kept records only, reads the removed records' labels "
    "from the features: 1 is as its own records, 0 not at all. References show what is usual for records "
    "that were never seen."
)
FEWEST = 5  # kept records that a label is learned from
NO_LABEL = "Fewer than 5 kept records have a label of the removed records, so none can be learned from them."


@CHECKS.register
@dataclass(frozen=True)
class RemovedLabels:
    """Labels of removed records that a new last layer reads from the features."""

    name, title, order = "removed_labels", "Labels of removed records in the features", 81
    tasks, about = ("classification",), About.MODEL

    def why_not(self, bench: Bench) -> str | None:
        """References, features, and labels that kept records have."""
        reason = needs_references(bench) or features.why_no_features(bench)
        return reason or (None if len(_rows(bench)[1]) else NO_LABEL)

    def run(self, bench: Bench) -> Sequence[Measured]:
        """One finding, on the removed records whose labels kept ones have."""
        kept, removed = _rows(bench)
        y, classes = bench.data.y, np.arange(len(bench.data.classes))
        onehot = (y[kept, None] == classes).astype(np.float64)
        found, among = {}, []
        for who, z in features.features_of(bench, np.concatenate([kept, removed])):
            said = features.read(z[: len(kept)], onehot, z[len(kept) :])
            score = metrics.mean_estimate(said[np.arange(len(removed)), y[removed]])
            if who:
                found[who] = score
            else:
                among.append(score.value)
        ranked = Ranked({who: e.value for who, e in found.items()}, np.array(among))
        values = estimates(ranked, {who: (e.low, e.high, e.n) for who, e in found.items()})
        finding = Finding(
            check=self.name, measure=self.title, records=REMOVED, unit="score", values=values,
            odds=odds(ranked), says=SAYS,
        )  # fmt: skip
        return [Measured(finding)]


def _rows(bench: Bench) -> tuple[Array, Array]:
    """Rows of kept records, and of removed ones with a label that enough of those have."""
    rng = np.random.default_rng(bench.marks.seed)
    kept, removed = (
        rng.permutation(bench.rows[bench.sets[name]])[:MOST] for name in (KEPT, REMOVED)
    )
    y = bench.data.y
    known = np.bincount(y[kept], minlength=len(bench.data.classes)) >= FEWEST
    return np.sort(kept), np.sort(removed[known[y[removed]]])
