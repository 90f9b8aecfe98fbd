"""Progress of a training: counted in record-passes, reported a few times a second."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

from disgorge_core.errors import Diverged
from disgorge_core.types import Progress, Recipe, Report

EVERY = 0.25  # seconds between two reports


@dataclass
class Ticker:
    """Counts record-passes of one training, or of several one after another, and reports them."""

    report: Report
    total: float
    done: float = 0.0
    loss: float = 0.0
    since: int = 0
    due: float = field(default_factory=time.monotonic)

    def step(self, passes: float, loss: float, message: str) -> None:
        """Count one step; raises what the report raises (Cancelled)."""
        self.done += passes
        self.loss += loss
        self.since += 1
        if time.monotonic() >= self.due or self.done >= self.total:
            self._tell(message)

    def _tell(self, message: str) -> None:
        figures = {"loss": self.loss / self.since}
        self.report(Progress(min(1.0, self.done / self.total), message, figures))
        self.loss, self.since = 0.0, 0
        self.due = time.monotonic() + EVERY


def check_finite(value: float, recipe: Recipe, epoch: int, label: str) -> None:
    """Raise Diverged where a loss (or a sum of weights) is not a finite number."""
    if not math.isfinite(value):
        which = f" of {label}" if label else ""
        raise Diverged(
            f"The training{which} became infinite in epoch {epoch + 1} of {recipe.epochs} "
            f"at learning rate {recipe.lr:g}.",
            f"Lower the learning rate (now {recipe.lr:g}).",
        )
