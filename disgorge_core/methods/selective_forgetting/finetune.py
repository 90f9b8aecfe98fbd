"""A few more epochs on the retain set, in the hope that what is not rehearsed fades.

Formula: θ ← θ - η ∇ mean_{r ∈ R} ℓ(r; θ), by SGD with momentum, from the trained weights.
Source: the baseline "FT" of Golatkar et al. (arXiv 1911.04933) and Warnecke et al. (2108.11577); defaults as
in DeepUnlearn (Cadet et al., 2410.01276): 5 to 10 epochs at 0.01 to 0.02.
Guarantee: none; the weights started from a model that was trained on the records.
Fails when: the records were learnt by heart. They fade slowly, a trace remains, and relearning is quick.
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

STEPS = (0.1, 0.02, 0.005)


@METHODS.register
@dataclass(frozen=True)
class Finetune:
    """Train the given weights a little further on the kept records."""

    name = "finetune"
    title = "Fine-tune on the kept records"
    family = Family.SELECTIVE_FORGETTING
    timing = Timing.REACTIVE
    tier = Tier.EMPIRICAL
    needs = ("model", "data", "keep", "validation")
    tasks = ("classification", "regression")
    order = 410
    promise = (
        "Trains the old weights a little further without the records, so that what they held may fade; "
        "a trace usually remains."
    )

    epochs: int = param(5, help="Passes over the kept records", min=1, max=100)
    lr: float = given_step()
    batch: int = param(64, label="Batch size", help="Records in one step", min=1, max=65_536)

    def why_not(self, facts: Facts) -> str | None:
        """Needs one network that is trained by gradients."""
        return only_plain(facts)

    def price(self, facts: Facts) -> float:
        """Epochs on the kept records, a second attempt for the choice of the step."""
        return share_of_full(facts, self.epochs * facts.n_keep, self.lr)

    def run(self, context: Context) -> Change:
        """The largest step that the validation records allow."""
        return largest_step(context, lambda lr: self._attempt(context, lr), self.lr, STEPS)

    def _attempt(self, context: Context, lr: float) -> Change:
        task = context.model.task

        def objective(network: nn.Module, batch: training.Batch) -> Tensor:
            return losses(network(batch.x), batch.y, task).mean()

        rows = np.flatnonzero(context.keep)
        model = repaired(context, rows, objective, self.epochs, lr, self.batch)
        return Change(model, float(self.epochs * len(rows)))
