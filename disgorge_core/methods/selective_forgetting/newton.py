"""One Newton step towards the optimum on the kept records.

Formula: θ ← θ - s H⁻¹ g with g = ∇[mean_{r ∈ R} ℓ(r; θ) + λ/2 ‖θ‖²], the full gradient on R at the given
weights (a trained model is not quite at its optimum, so the gradient on F alone would not do), H the Hessian
of the same, λ the recipe's L2, s = 1 unless the validation records object.
Source: Guo et al. (arXiv 1911.03030, section 3), with R's own gradient in place of F's.
Guarantee: exact for a quadratic loss (one linear layer, squared error): the step ends at the optimum on R
for the kept preprocessing. For logistic and softmax regression the rest is of second order in the step.
None for networks with hidden layers: there only the last layer moves, by its damped Gauss-Newton matrix, and
the layers before it keep what they learnt from the records.
Fails when: the fit has no L2 and classes can be separated, so that the optimum is at infinity; the
records shaped the hidden layers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from torch import nn

from disgorge_core import training
from disgorge_core.curvature import Curvature, mean_gradient, moved, why_no_curvature
from disgorge_core.methods.contract import Context, Facts
from disgorge_core.methods.selective_forgetting.steps import only_plain, share_of_full
from disgorge_core.methods.validation_guard import largest_step
from disgorge_core.models.layers import head_of
from disgorge_core.params import param
from disgorge_core.registry import METHODS
from disgorge_core.types import Change, Family, Model, Tier, Timing

STEPS = (1.0, 0.5, 0.25, 0.1)
HEAD_ONLY = (
    "Only the last layer was moved; the layers before it keep what they learnt from the records."
)


@METHODS.register
@dataclass(frozen=True)
class Newton:
    """One solve with the curvature of the kept records."""

    name = "newton"
    title = "Newton step"
    family = Family.SELECTIVE_FORGETTING
    timing = Timing.REACTIVE
    tier = Tier.EMPIRICAL
    needs = ("model", "data", "keep", "recipe", "validation", "curvature")
    tasks = ("classification", "regression")
    order = 400
    promise = (
        "Moves the weights to where one Newton step expects the best fit without the records: all of a "
        "linear model, only the last layer of a deeper one."
    )

    step: float = param(
        0.0,
        help="Share of the step to take; 0 takes the largest that costs at most 2 points of validation "
        "quality",
        min=0.0,
        max=2.0,
    )

    def why_not(self, facts: Facts) -> str | None:
        """Needs one network with a last layer that is not too large."""
        return only_plain(facts) or why_no_curvature(facts.model, kind_for(facts.model))

    def price(self, facts: Facts) -> float:
        """A pass for the gradient and one for the curvature."""
        return share_of_full(facts, 2 * facts.n_keep, 1.0)

    def run(self, context: Context) -> Change:
        """The largest step that the validation records allow."""
        model, data, rows = context.model, context.data, np.flatnonzero(context.keep)
        curvature: Curvature = context.curvature(kind=kind_for(model))
        slope = mean_gradient(
            model, data.take(rows), data.y[rows], context.recipe.l2, curvature.part
        )
        direction = curvature.solve(slope)

        def attempt(step: float) -> Change:
            after = moved(model, direction, -step)
            return Change(training.refresh_buffers(after, data, rows), 0.0)

        change = largest_step(context, attempt, self.step, STEPS)
        notes = (HEAD_ONLY,) if kind_for(model) == "head" else ()
        passes = change.passes + len(rows) + curvature.passes
        return replace(change, passes=passes, notes=(*notes, *change.notes))


def kind_for(model: Model) -> str:
    """ "dense" where all that learns is one linear layer, else "head"."""
    if model.recipe is not None and model.recipe.trainable == "head":
        return "dense"
    learning = [m for m in model.network.modules() if list(m.parameters(recurse=False))]
    alone = len(learning) == 1 and isinstance(learning[0], nn.Linear)
    return "dense" if alone and head_of(model.network) is learning[0] else "head"
