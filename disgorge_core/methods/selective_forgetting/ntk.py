"""Move the weights as the network's linearisation says that a training without the records would.

Formula: around the trained weights θ the logits count as linear in the weights, f(u) = f(θ) + J (u - θ), and
the loss as quadratic in the logits. Training on a set M then ends at θ + δ_M,
    δ_M = -(Σ_M JᵀSJ + μ I)⁻¹ [Σ_M Jᵀ∇ℓ + |M| λ θ + ν (θ - θ₀)],  μ = |M| λ + ν,
S being the second derivative of the loss in the logits, λ the recipe's L2, θ₀ the start weights and
ν = |M| / T_M = |D| / T_D the pull of stopping after training time T = Σ rate / (1 - momentum). So
θ ← θ + s (δ_R - δ_D), then Fisher noise. With G = Jᵀ S^½ the inverse is taken in the kernel Θ = GᵀG + μI
(records x outputs wide) where there are more weights: (GGᵀ + μI)⁻¹ v = (v - G Θ⁻¹ Gᵀv) / μ. Where that is too
large, a sample of R stands for R, each record counting for several; F is never sampled.
Source: Golatkar, Achille and Soatto (arXiv 2003.02960, section 4): w_lin = w₀ - G Θ⁻¹ (f₀ - y), shift
w_lin(R) - w_lin(D), then Fisher noise. They linearise at pretrained start weights with S = I, also for
cross-entropy, and stretch the shift (23.5 times in their notebook). Networks that start from scratch
leave that neighbourhood; at the trained weights with the loss's own S nothing has to be stretched.
Nats remaining: as for Fisher noise alone, for what is left of the expected way after the shift.
Guarantee: exact for one linear layer with squared loss and L2 at its optimum: the step ends at the optimum
on R for the kept preprocessing. None for other networks.
Fails when: the weights without F lie where the network is no longer linear (large F, long trainings); the
start weights of an uploaded model are not known and count as 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from disgorge_core import training
from disgorge_core.curvature import moved
from disgorge_core.methods.contract import Context, Facts
from disgorge_core.methods.retraining.short_recipe import training_time
from disgorge_core.methods.selective_forgetting import kernel
from disgorge_core.methods.selective_forgetting.fisher import FLOOR
from disgorge_core.methods.selective_forgetting.gauss_newton import (
    fisher_of,
    flat,
    learning,
    noise_of,
    only_own_weights,
    said_of_nats,
    unflat,
    way_to_without,
)
from disgorge_core.methods.selective_forgetting.kernel import (
    gathered,
    kept_that_fit,
    sample_of,
)
from disgorge_core.methods.selective_forgetting.steps import share_of_full
from disgorge_core.methods.validation_guard import largest_step
from disgorge_core.params import param
from disgorge_core.registry import METHODS
from disgorge_core.training.blueprint import blueprint
from disgorge_core.training.task import job_of, tasks_for
from disgorge_core.types import Array, Change, Family, Model, Tier, Timing
from disgorge_core.words import reservation

STEPS = (1.0, 0.5, 0.25, 0.1)


@METHODS.register
@dataclass(frozen=True)
class TangentKernel:
    """The linearised change of the weights, then a little noise."""

    name = "ntk"
    title = "Linearised retraining (tangent kernel)"
    family = Family.SELECTIVE_FORGETTING
    timing = Timing.REACTIVE
    tier = Tier.EMPIRICAL
    needs = ("model", "data", "forget", "keep", "recipe", "validation", "curvature")
    tasks = ("classification", "regression")
    order = 430
    promise = (
        "Moves all weights to where a training without the records is expected to end, if the network is "
        "linear between here and there; large networks are measured on a sample of the kept records."
    )

    step: float = param(
        0.0,
        help="Share of the expected change to make; 0 takes the largest that costs at most 2 points of "
        "validation quality",
        min=0.0,
        max=2.0,
    )
    noise: float = param(
        0.01,
        help="Noise added afterwards on a weight of average importance, as a share of the weights' size; "
        "without it nothing can be said of the nats that remain",
        min=0.0,
        max=10.0,
    )
    exponent: float = param(
        0.5,
        help="Power of the inverse Fisher in the noise's variance",
        min=0.0,
        max=2.0,
        advanced=True,
    )

    def why_not(self, facts: Facts) -> str | None:
        """Needs one network, small beside the memory."""
        reason = only_own_weights(facts)
        outputs = max(1, len(facts.model.classes))
        weights = sum(p.numel() for p in learning(facts.model).values())
        fit = kept_that_fit(facts.n_forget, facts.n_keep, outputs, weights)
        if reason is not None or fit:
            return reason
        return (
            f"{facts.n_forget:,} records to remove, with as many kept ones, x {outputs} outputs make a "
            f"kernel that is too large beside {weights:,} weights (the limit is {kernel.WIDEST:,} for one of "
            f"the two, {kernel.NUMBERS:,} for their product): take the influence step instead."
        )

    def price(self, facts: Facts) -> float:
        """A backward pass for each output and record of the kernel, and what the noise takes."""
        outputs = max(1, len(facts.model.classes))
        weights = sum(p.numel() for p in learning(facts.model).values())
        fit = kept_that_fit(facts.n_forget, facts.n_keep, outputs, weights)
        return share_of_full(facts, outputs * (fit + facts.n_forget) + 3 * facts.n_train, 1.0)

    def run(self, context: Context) -> Change:
        """The largest step that the validation records allow."""
        model, data, rows = context.model, context.data, np.flatnonzero(context.keep)
        sample = sample_of(context)
        shift, passes = linear_shift(context, sample)
        fisher = fisher_of(context)
        noise = noise_of(fisher, self.exponent, FLOOR, context.seed)
        apart, like = way_to_without(context, fisher), fisher.like

        def attempt(step: float) -> Change:
            way = step * shift + self.noise * noise.drawn
            after = training.refresh_buffers(moved(model, unflat(way, like)), data, rows)
            nats = noise.nats(apart - step * shift, self.noise)
            return Change(after, 0.0, figures={"nats remaining": nats} if self.noise else {})

        change = largest_step(context, attempt, self.step, STEPS)
        notes = (*_said_of(sample, context.keep), *said_of_nats(change), *change.notes)
        passes += change.passes + fisher.passes + len(rows) + int(context.forget.sum())
        return replace(change, passes=passes, notes=notes)


def _said_of(sample: Array, keep: Array) -> tuple[str, ...]:
    """That the kernel saw only some of the kept records."""
    some, everything = int(sample.sum()), int(keep.sum())
    return () if some == everything else (reservation("sample", f"{some:,} of {everything:,}"),)


# --- the shift ----------------------------------------------------------------------------------


def linear_shift(context: Context, sample: Array) -> tuple[Tensor, float]:
    """δ_R - δ_D (P,) in float64 and the record-passes that it took; R is known by a sample (n,) of it."""
    sums = gathered(context, sample)
    theta, start, stop = _pulls(context)
    counts = (int(context.keep.sum()), int((context.keep | context.forget).sum()))
    ends = []
    for part, count in zip(sums, counts, strict=True):
        slope = part.slope + count * context.recipe.l2 * theta + count * stop * (theta - start)
        ends.append(-part.solve(slope, count * (context.recipe.l2 + stop)))
    outputs = max(1, len(context.model.classes))
    return ends[0] - ends[1], float(outputs * (sample | context.forget).sum())


def _pulls(context: Context) -> tuple[Tensor, Tensor, float]:
    """The weights, the start weights, and 1 / T; no pull to the start where L2 alone decides."""
    theta = flat(learning(context.model))
    if _one_layer(context.model) and context.recipe.l2 > 0:
        return theta, torch.zeros_like(theta), 0.0
    count = int((context.keep | context.forget).sum())
    return theta, _start(context), 1 / training_time(context.recipe, count)


def _one_layer(model: Model) -> bool:
    found = [m for m in model.network.modules() if list(m.parameters(recurse=False))]
    return len(found) == 1 and isinstance(found[0], nn.Linear)


def _start(context: Context) -> Tensor:
    """The weights that the recipe starts from; zeros for an uploaded model."""
    model, like = context.model, learning(context.model)
    theta = flat(like)
    if model.lineage.origin == "uploaded":
        return torch.zeros_like(theta)
    everything = context.keep | context.forget
    plan = blueprint(model, context.data)
    job = job_of(context.data, plan, context.recipe, everything, [context.recipe.seed])
    fresh = dict(tasks_for(job)[1][0].network.named_parameters())
    found = flat({name: fresh[name].detach() for name in like})
    return found if found.shape == theta.shape else torch.zeros_like(theta)
