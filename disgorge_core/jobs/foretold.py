"""What influence predicts of a removal, kept with its run: asked before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from disgorge_core.errors import DisgorgeError
from disgorge_core.influence.curved import coverage_note
from disgorge_core.jobs.curved import ESTIMATOR, curvature
from disgorge_core.jobs.task import Desk
from disgorge_core.types import Array, Dataset

MOST = 5_000  # records asked of those to remove and of the others, each: enough for a correlation to .03
NOTHING = "The estimate is not a number for this model."


@dataclass(frozen=True, eq=False)
class Foretold:
    """Predicted change (m, c) of the logits of `rows` (m,); none, and the reason, where it cannot be had."""

    rows: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    change: Array = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    notes: tuple[str, ...] = ()
    why_not: str = ""

    def arrays(self) -> dict[str, Array]:
        """What is stored with the run; nothing where nothing was predicted."""
        return {} if self.why_not else {"predicted": self.change, "predicted_rows": self.rows}


def foretold(desk: Desk, digest: str, gone: Array) -> Foretold:
    """The default estimator's prediction on validation, test, and the records `gone` (n,) themselves."""
    data = desk.data
    rows, notes = asked(data, gone)
    try:
        model = desk.model(digest)
        bend = curvature(desk, digest)
        change = ESTIMATOR.predicted_change(model, data, gone, rows, curvature=bend)
        notes = (*notes, *coverage_note(model))
    except DisgorgeError as error:
        return Foretold(why_not=error.problem)
    if not np.isfinite(change).all():
        return Foretold(why_not=NOTHING)
    return Foretold(rows, change.astype(np.float32), notes)


def asked(data: Dataset, gone: Array) -> tuple[Array, tuple[str, ...]]:
    """Rows of validation and test that stay and training rows that go, both evenly thinned out."""
    parts = [np.flatnonzero(~gone & (data.split > 0)), np.flatnonzero(gone & (data.split == 0))]
    few = [_thinned(rows) for rows in parts]
    before, after = (sum(map(len, both)) for both in (parts, few))
    note = f"The prediction was made for {after:,} of {before:,} records, evenly spaced."
    return np.concatenate(few), (note,) if after < before else ()


def _thinned(rows: Array) -> Array:
    if len(rows) <= MOST:
        return rows
    return rows[np.linspace(0, len(rows) - 1, MOST).astype(np.int64)]
