"""One Newton step from a tilted optimum, under a bound on what it leaves behind.

Formula: for each class, with w the optimum of Σ log(1 + exp(-t w·x)) + λ n/2 ‖w‖² + b·w,
Δ = λ|F| w + Σ_F ∇ℓ, w⁻ = w + H⁻¹Δ with H = ∇²L on R (λ times the records of R). What is left of the
gradient on R is at most β = γ ‖X‖₂ ‖H⁻¹Δ‖ ‖X H⁻¹Δ‖, γ = 1/4, and is added to what earlier steps left. While
√(Σ_k β_k²) ≤ σ ε / √(2 ln(1.5/δ)), the result is (ε, δ)-indistinguishable from the regime's fit on R. A step
that would pass it is not taken: the model is trained again on R with a new b, and that cost counts.
Source: Guo et al. (arXiv 1911.03030, theorem 3 and corollary 2, section 3.3 for batches and sequences). The
gradient that is checked here includes + b, which the published code leaves out (its issue 1).
Guarantee: certified removal (ε, δ) of the weights, for whoever does not know b or the seed that it was drawn
from, for inputs of length at most 1 that are read as was fixed in advance, and records that were not chosen
by looking at the model.
Fails when: any of these does not hold; the accounting then says "empirical". Many records at once cost more
than one by one, as the rest grows with the square of the step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from disgorge_core import training, words
from disgorge_core.errors import NotApplicable
from disgorge_core.methods.contract import Context, Facts
from disgorge_core.regimes.perturbed import (
    PASSES,
    REMOVED,
    SPENT,
    B,
    Perturbed,
    budget_of,
    residuals,
    together,
)
from disgorge_core.registry import METHODS
from disgorge_core.training import convex, logistic
from disgorge_core.training.order import PERTURB, salt
from disgorge_core.types import Array, Change, Family, Model, Tier, Timing

NOT_PERTURBED = (
    "The model's objective was not perturbed: train one in that regime on the Model page."
)
SLACK = 1e-8  # of rounding, for each record
RETRAINED = (
    "The budget would have been passed, so the model was trained again without the records, with a new tilt: "
    "its budget starts afresh."
)
SECRET = "The bound holds for whoever knows neither the tilt nor the seed: hand out weights, not this folder."


@METHODS.register
@dataclass(frozen=True)
class CertifiedNewton:
    """A Newton step while the budget lasts, a new training when it is spent."""

    name = "certified_newton"
    title = "Certified Newton step"
    family = Family.SELECTIVE_FORGETTING
    timing = Timing.PROACTIVE
    tier = Tier.CERTIFIED
    needs = ("model", "data", "forget", "keep", "recipe")
    tasks = ("classification",)
    order = 350
    promise = (
        "Moves a model of the perturbed regime to within a bound of its fit without the records, and trains "
        "it again once the budget for that is spent."
    )

    def why_not(self, facts: Facts) -> str | None:
        """Needs a model of the perturbed regime with its tilt."""
        return None if facts.regime == "perturbed" and B in facts.artefacts else NOT_PERTURBED

    def price(self, facts: Facts) -> float:
        """One curvature pass while the budget is expected to last, else a training."""
        step = (facts.n_keep + facts.n_forget) / (PASSES * max(1, facts.n_train))
        budget = budget_of(facts.model)
        lasts = budget is None or facts.n_forget <= budget.supports
        return step if lasts else step + facts.n_keep / max(1, facts.n_train)

    def run(self, context: Context) -> Change:
        """The step if the budget bears it, else a new training."""
        model, data = context.model, context.data
        regime = Perturbed(**model.regime_settings)
        rows, out = np.flatnonzero(context.keep), np.flatnonzero(context.forget)
        x, t = regime.sides(model, data, rows)
        gone, signs = regime.sides(model, data, out)
        _check_optimum(model, np.concatenate([x, gone]), np.concatenate([t, signs], axis=1), regime)
        w, length = logistic.as_sides(convex.weights_of(model)), logistic.length_of(x)
        moved = [
            logistic.step_away(x, (gone, signs[k]), w[k], regime.l2, length) for k in range(len(w))
        ]
        bounds = np.array([bound for _, bound in moved])
        spent = model.artefacts[SPENT] + bounds
        passes = float(2 * len(x) + len(gone))
        if together(spent) > regime.budget:
            return _again(context, regime, bounds, passes)
        after = logistic.as_logits(np.stack([own for own, _ in moved]), len(model.classes))
        kept = {**model.artefacts, SPENT: spent, REMOVED: model.artefacts[REMOVED] + len(out)}
        new = replace(convex.with_weights(model, after), artefacts=kept)
        return _said(new, regime, bounds, passes)


def _check_optimum(model: Model, x: Array, t: Array, regime: Perturbed) -> None:
    """Refuse weights that are not where the budget says they are."""
    w = logistic.as_sides(convex.weights_of(model))
    found = residuals(x, t, w, regime.l2, model.artefacts[B])
    if (found > model.artefacts[SPENT] + SLACK * len(x)).any():
        raise NotApplicable(
            "The weights are not those that the budget was counted for: they, or the records, changed since.",
            "Retrain the model in its regime.",
        )


def _again(context: Context, regime: Perturbed, bounds: Array, passes: float) -> Change:
    """A new training on what stays, with a tilt that no earlier one tells of."""
    seed = int(
        salt(context.recipe.seed, context.seed, PERTURB, int(context.keep.sum())) >> np.uint64(33)
    )
    new = training.refit(
        context.model, context.data, context.keep, seed=seed, report=context.report
    )
    change = _said(new, regime, bounds, passes + new.lineage.cost)
    figures = {**change.figures, "trained again": 1.0}
    return replace(change, notes=(RETRAINED, *change.notes), figures=figures)


def _said(model: Model, regime: Perturbed, bounds: Array, passes: float) -> Change:
    budget = budget_of(model)
    assert budget is not None
    figures = {
        "bound of this step": together(bounds),
        "budget": budget.total,
        "budget spent": budget.spent,
        "budget spent by the worst class": max(budget.each),
        "removals left (estimated)": float(budget.supports),
    }
    limit = words.bound(regime.epsilon, regime.delta)
    return Change(model, passes, notes=(SECRET,), figures=figures, bound=limit)
