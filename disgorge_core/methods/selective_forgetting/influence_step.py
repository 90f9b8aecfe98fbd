"""Undo the first-order effect of the records on the weights.

Formula: θ ← θ + s (1/|R|) H⁻¹ Σ_{f ∈ F} (∇ℓ(f; θ) - mean_D ∇ℓ), with H the damped EK-FAC curvature of the
mean loss on R plus L2 (the whole Gauss-Newton matrix up to 2,500 weights). Removing records moves the
weights *up* their gradient. s is the largest step from 1 down to 0.01 that the validation records allow.
Source: Koh and Liang (arXiv 1703.04730, section 2.1) for the formula; Grosse et al. (2308.03296) for H.
Guarantee: none. For convex losses the error is of second order in the step.
Fails when: the set is large; or the network fits everything by heart, so that gradients and curvature are
both close to zero and the size of the step rests on the damping and on the validation records alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from disgorge_core import training
from disgorge_core.curvature import Curvature, moved, removal_direction, why_no_curvature
from disgorge_core.methods.contract import Context, Facts
from disgorge_core.methods.selective_forgetting.steps import only_plain, share_of_full
from disgorge_core.methods.validation_guard import largest_step
from disgorge_core.params import param
from disgorge_core.registry import METHODS
from disgorge_core.types import Change, Family, Tier, Timing

STEPS = (1.0, 0.5, 0.25, 0.1, 0.05, 0.025, 0.01)


@METHODS.register
@dataclass(frozen=True)
class InfluenceStep:
    """Add what influence functions say that the records took away."""

    name = "influence_step"
    title = "Influence step (EK-FAC)"
    family = Family.SELECTIVE_FORGETTING
    timing = Timing.REACTIVE
    tier = Tier.EMPIRICAL
    needs = ("model", "data", "forget", "keep", "validation", "curvature")
    tasks = ("classification", "regression")
    order = 440
    promise = (
        "Takes back, to first order and as far as the validation records allow, how the records moved the "
        "weights; the estimate is rough where the network fits everything by heart."
    )

    step: float = param(
        0.0,
        help="Times the estimated change; 0 takes the largest up to 1 that costs at most 2 points of "
        "validation quality",
        min=0.0,
        max=100.0,
    )
    damping: float = param(
        0.1, help="Share of the mean curvature that is added", min=1e-6, max=100.0, advanced=True
    )

    def why_not(self, facts: Facts) -> str | None:
        """Needs one network of layers that curvature covers."""
        return only_plain(facts) or why_no_curvature(facts.model)

    def price(self, facts: Facts) -> float:
        """A pass for the gradients and two for the curvature."""
        return share_of_full(facts, 3 * facts.n_keep + facts.n_forget, 1.0)

    def run(self, context: Context) -> Change:
        """The largest step that the validation records allow."""
        model, data, rows = context.model, context.data, np.flatnonzero(context.keep)
        curvature: Curvature = context.curvature(damping=self.damping)
        direction = removal_direction(model, data, context.forget, context.keep, curvature)

        def attempt(step: float) -> Change:
            after = moved(model, direction, step)
            return Change(training.refresh_buffers(after, data, rows), 0.0)

        change = largest_step(context, attempt, self.step, STEPS)
        passes = change.passes + len(rows) + int(context.forget.sum()) + curvature.passes
        return replace(change, passes=passes)
