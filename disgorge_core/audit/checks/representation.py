"""Representation: do the features know which records were removed?

The features of a record are the input of the last layer; a method that changes answers may leave them as they
were (RULER, arXiv 2605.27569: in 10 of 12 conditions where the answers passed). Two measures, on every model:

- a linear reader (ridge, five folds, see `audit.features`) of the features, and of their distance from the
  middle of their label, tells removed records from as many test records of the same labels: area under its
  ROC curve (a linear probe: Alain & Bengio, arXiv 1610.01644). The interval is over records. Ranked among
  references, to both sides: records with wrong labels stand out in models that never saw them, and a model
  that learned them by heart has drawn them in. By chance it is a little below 0.5 where records are few.
- linear CKA of the features of removed records with those of references (Kornblith et al., arXiv
  1905.00414), against references with each other. It stands beside the reader and never alone: it can be
  moved at will without changing answers (Davari et al., arXiv 2210.16156), and is high for few records.

Fooled by: what is not linear, and what lies in earlier layers. It describes and decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from disgorge_core.audit import features, roc
from disgorge_core.audit.bench import REMOVED, Bench
from disgorge_core.audit.contract import BOTH, Measured, estimates, needs_references, odds
from disgorge_core.audit.ranks import Ranked
from disgorge_core.registry import CHECKS
from disgorge_core.types import About, Array, Estimate, Finding

CLOSE = 300  # removed records whose features are compared by CKA, at most
TOLD = (
    "How well a linear reader of the features, and of how far they are from the middle of their label, tells "
    "removed records from test records of the same labels: 0.5 is not at all. What counts is the difference "
    "from references: records with wrong labels stand out for those, too."
)
ALIKE = (
    "Whether removed records lie to each other as in references: 1 is alike. It can be moved at will "
    "without changing answers, so it never stands alone."
)
FEW = "It needs at least {least} removed records and as many test records of their labels; there are {found}."


@CHECKS.register
@dataclass(frozen=True)
class Representation:
    """A linear reader of the features on the removed records, and their likeness to references."""

    name, title, order, tasks, about = "representation", "Features", 80, BOTH, About.MODEL

    def why_not(self, bench: Bench) -> str | None:
        """References, features, and records to compare with."""
        reason = needs_references(bench) or features.why_no_features(bench)
        found = len(features.comparable(bench)[0])
        few = FEW.format(least=features.LEAST, found=found) if found < features.LEAST else None
        return reason or few

    def run(self, bench: Bench) -> Sequence[Measured]:
        """Two findings, on the removed records."""
        removed, test, labels = features.comparable(bench)
        count, near = len(removed), min(len(removed), CLOSE)
        scores: dict[str, tuple[Array, Array]] = {}
        among: list[float] = []
        seen: list[Array] = []
        for who, z in features.features_of(bench, np.concatenate([removed, test])):
            found = features.told_apart(z[:count], z[count:], labels)
            if who:
                scores[who] = found
            else:
                among.append(roc.auc_of(*found))
            seen.append(z[:near])
        likeness = features.likeness(seen)
        return [_told(scores, np.array(among)), _alike(list(scores), likeness)]


def _told(scores: dict[str, tuple[Array, Array]], among: Array) -> Measured:
    found = {who: roc.auc(*both) for who, both in scores.items()}
    ranked = Ranked({who: e.value for who, e in found.items()}, among, either=True)
    values = estimates(ranked, {who: (e.low, e.high, e.n) for who, e in found.items()})
    measure = "Told from test records by the features"
    return _measured(measure, "AUC", values, odds(ranked), TOLD)


def _alike(names: list[str], likeness: Array) -> Measured:
    """From CKA (K, K) of the judged models, in the order of names, and then the references."""
    k = len(names)
    own = likeness[k:, k:]
    among = (own.sum(1) - np.diag(own)) / (len(own) - 1)
    toward = dict(zip(names, likeness[:k, k:].mean(1).tolist(), strict=True))
    ranks = odds(Ranked({who: -value for who, value in toward.items()}, -among))
    values = estimates(Ranked(toward, among), {})
    return _measured("Likeness of features to references", "CKA", values, ranks, ALIKE)


def _measured(
    measure: str, unit: str, values: dict[str, Estimate], ranks: dict[str, float], says: str
) -> Measured:
    name = Representation.name
    return Measured(Finding(name, measure, REMOVED, unit, values, ranks, says=says))
