"""Descend on the retain set and climb on the forget set at once.

Formula: θ ← θ - η ∇ [α mean_{r ∈ R} ℓ(r; θ) - (1 - α) mean_{f ∈ F} ℓ(f; θ)], by SGD with momentum: for
every batch of R one of the same size is drawn from F, with replacement.
Source: NegGrad+ in Kurmanji et al. (arXiv 2302.09880, section 4); α = 0.95 as in DeepUnlearn (2410.01276).
Guarantee: none; the weights started from a model that was trained on the records.
Fails when: the climb goes below what a model that never saw the records would answer, which marks them
instead of hiding them; or F is easy, where it changes nothing that matters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
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
from disgorge_core.models.prediction import inputs
from disgorge_core.params import param
from disgorge_core.registry import METHODS
from disgorge_core.training.losses import losses
from disgorge_core.training.repair import Objective
from disgorge_core.types import Change, Family, Tier, Timing

STEPS = (0.05, 0.02, 0.01, 0.003)


@METHODS.register
@dataclass(frozen=True)
class NegGradPlus:
    """Fine-tune on the kept records while raising the loss of those to remove."""

    name = "neg_grad_plus"
    title = "Fine-tune and push the records away"
    family = Family.SELECTIVE_FORGETTING
    timing = Timing.REACTIVE
    tier = Tier.EMPIRICAL
    needs = ("model", "data", "forget", "keep", "validation")
    tasks = ("classification",)
    order = 420
    promise = (
        "Trains the old weights further on the kept records while pushing away from the removed ones; "
        "it can push too far and so mark them."
    )

    alpha: float = param(
        0.95,
        label="Weight of kept records",
        help="The removed ones weigh the rest",
        min=0.5,
        max=1.0,
    )
    epochs: int = param(5, help="Passes over the kept records", min=1, max=100)
    lr: float = given_step()
    batch: int = param(64, label="Batch size", help="Records in one step", min=1, max=65_536)

    def why_not(self, facts: Facts) -> str | None:
        """Needs one network that is trained by gradients."""
        return only_plain(facts)

    def price(self, facts: Facts) -> float:
        """Two records for each kept one in each epoch."""
        return share_of_full(facts, 2 * self.epochs * facts.n_keep, self.lr)

    def run(self, context: Context) -> Change:
        """The largest step that the validation records allow."""
        return largest_step(context, lambda lr: self._attempt(context, lr), self.lr, STEPS)

    def _attempt(self, context: Context, lr: float) -> Change:
        rows = np.flatnonzero(context.keep)
        model = repaired(context, rows, self._objective(context), self.epochs, lr, self.batch)
        return Change(model, float(2 * self.epochs * len(rows)))

    def _objective(self, context: Context) -> Objective:
        task, rows = context.model.task, np.flatnonzero(context.forget)
        x = inputs(context.model.members[0], context.data.take(rows))
        y = torch.from_numpy(context.data.y[rows])
        generator = torch.Generator().manual_seed(context.seed)

        def objective(network: nn.Module, batch: training.Batch) -> Tensor:
            drawn = torch.randint(len(y), (len(batch.y),), generator=generator)
            kept = losses(network(batch.x), batch.y, task).mean()
            removed = losses(network(x[drawn]), y[drawn], task).mean()
            return self.alpha * kept - (1 - self.alpha) * removed

        return objective
