"""Climb the loss of the removed records: a control, shown so that its failure can be seen.

Formula: θ ← θ + η ∇ mean_{f ∈ F} ℓ(f; θ), by SGD with momentum, from the trained weights; R is not used.
Source: "GA" in Graves et al. (arXiv 2010.10981) and Thudi et al. (2109.13398).
Guarantee: none.
Fails when: always, in one of two ways: the step is small and nothing changes, or it is large and the
model breaks for everything. The validation records choose the largest step that does not break it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from disgorge_core import training
from disgorge_core.methods.contract import Context, Facts
from disgorge_core.methods.selective_forgetting.steps import (
    given_step,
    only_plain,
    repaired,
    share_of_full,
)
from disgorge_core.methods.validation_guard import largest_step
from disgorge_core.params import param
from disgorge_core.registry import METHODS
from disgorge_core.training.losses import losses
from disgorge_core.types import Change, Family, Tier, Timing

STEPS = (0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005)


@METHODS.register
@dataclass(frozen=True)
class GradientAscent:
    """Raise the loss of the records to remove, and look at nothing else."""

    name = "gradient_ascent"
    title = "Gradient ascent on the records (control)"
    family = Family.SELECTIVE_FORGETTING
    timing = Timing.REACTIVE
    tier = Tier.EMPIRICAL
    needs = ("model", "data", "forget", "keep", "validation")
    tasks = ("classification",)
    order = 490
    promise = (
        "Makes the model worse on the records themselves; it is a control to compare with and usually "
        "does nothing or harms the rest."
    )

    epochs: int = param(5, help="Passes over the records to remove", min=1, max=100)
    lr: float = given_step()
    batch: int = param(64, label="Batch size", help="Records in one step", min=1, max=65_536)

    def why_not(self, facts: Facts) -> str | None:
        """Needs one network that is trained by gradients."""
        return only_plain(facts)

    def price(self, facts: Facts) -> float:
        """Epochs on the records to remove."""
        return share_of_full(facts, self.epochs * facts.n_forget, self.lr)

    def run(self, context: Context) -> Change:
        """The largest step that the validation records allow."""
        return largest_step(context, lambda lr: self._attempt(context, lr), self.lr, STEPS)

    def _attempt(self, context: Context, lr: float) -> Change:
        task = context.model.task

        def objective(network: nn.Module, batch: training.Batch) -> Tensor:
            return -losses(network(batch.x), batch.y, task).mean()

        rows = np.flatnonzero(context.forget)
        model = repaired(context, rows, objective, self.epochs, lr, self.batch)
        return Change(model, float(self.epochs * len(rows)))
