"""Some more steps of descent on what stays, then new noise.

Formula: w ← w - 2/(m + M) ∇f_R(w), I times; f_R = mean loss on R + λ/2 ‖w‖², m and M its least and largest
curvature. Each step leaves at most κ = (M - m)/(M + m) of the distance to the optimum on R, and the optimum
moves by at most s = 2 √2 k / (λ (n - k)) when k of n records leave, so that κ^I (α + s) ≤ α gives I. What is
published is w + N(0, σ² I), σ = 2α / (√2 (√(ln(1/δ) + ε) - √ln(1/δ))).
Source: Descent-to-Delete, Neel, Roth and Sharifi-Malvajerdi (arXiv 2007.02923), the notion that lets the
holder keep a state without noise; s and the factor 2α (two runs, each within α) were derived anew.
Guarantee: for a model of the regime "noise at publication", each published model is (ε, δ)-indistinguishable
from the regime's training on R, after any number of requests, at the same noise. The state in the folder is
not covered. For any other linear model with L2 such steps are taken without noise, and no bound is claimed.
Fails when: the observer has the folder or the seed, or compares two published models; λ is so small that the
steps do not suffice (said); the loss is not strongly convex (no L2, hidden layers: refused).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import numpy as np
import torch

from disgorge_core import words
from disgorge_core.errors import NotApplicable
from disgorge_core.methods.contract import Context, Facts
from disgorge_core.methods.selective_forgetting.steps import only_plain, share_of_full
from disgorge_core.models.layers import WITH_WEIGHTS, head_of
from disgorge_core.params import param
from disgorge_core.regimes.published_noisy import STATE, WITHIN, PublishedNoisy, seen
from disgorge_core.registry import METHODS
from disgorge_core.training import convex, descent
from disgorge_core.training.order import PERTURB, salt
from disgorge_core.types import Array, Change, Dataset, Family, Model, Tier, Timing

NEAR = 1e-3  # of the first gradient: where descent of a model without a bound ends
TOO_FEW = "The bound asks for {wanted:,} steps and {most:,} were allowed, so no bound is claimed."
NO_NOISE = (
    "The model was not published with noise before, so none was added and no bound is claimed."
)
STATE_KEPT = (
    "The bound is for published weights: the state without noise stays in this model's folder."
)


@METHODS.register
@dataclass(frozen=True)
class DescentToDelete:
    """Descend on what stays for as long as the contraction asks, then publish with new noise."""

    name = "descent_to_delete"
    title = "Descend and publish with noise"
    family = Family.SELECTIVE_FORGETTING
    timing = Timing.PROACTIVE
    tier = Tier.CERTIFIED
    needs = ("model", "data", "forget", "keep", "recipe")
    tasks = ("classification", "regression")
    order = 360
    promise = (
        "Takes as many gradient steps on the kept records as the theory of convex losses asks for, and hides "
        "the rest by noise where the model was published with noise before."
    )

    most: int = param(
        5000,
        label="Most steps",
        help="If the bound asks for more, no bound is claimed",
        min=1,
        max=10**6,
    )

    def why_not(self, facts: Facts) -> str | None:
        """Needs a linear model with L2."""
        if facts.regime == PublishedNoisy.name:
            return None if STATE in facts.artefacts else "The model's folder lacks its state."
        kinds = [x.kind for x in facts.model.layers or () if x.kind in WITH_WEIGHTS]
        if kinds != ["linear"]:
            return "The bound holds for linear models only: train one on the Model page."
        if only_plain(facts):
            return only_plain(facts)
        if facts.recipe is None or facts.recipe.l2 <= 0:
            return "Without L2 the loss is not strongly convex: train with L2 above 0."
        return None

    def price(self, facts: Facts) -> float:
        """A pass over what stays a step, over those of a training; of a noisy one until there is one."""
        published = facts.regime == PublishedNoisy.name
        if not published and self.why_not(facts) is None:
            return share_of_full(facts, 100.0 * facts.n_keep, 1.0)
        regime = PublishedNoisy(**facts.model.regime_settings if published else {})
        steps = min(self.most, regime.steps_without(facts.n_forget, facts.n_train))
        return steps * facts.n_keep / (regime.steps * max(1, facts.n_train))

    def run(self, context: Context) -> Change:
        """By the regime that the model was published in, else by its recipe."""
        if context.model.regime == PublishedNoisy.name:
            return self._published(context)
        return self._plain(context)

    def _published(self, context: Context) -> Change:
        model, data = context.model, context.data
        regime = PublishedNoisy(**model.regime_settings)
        rows, gone = np.flatnonzero(context.keep), int(context.forget.sum())
        _check_state(model, data, np.flatnonzero(context.keep | context.forget), regime)
        x, target = seen(model, data, rows)
        off = float(model.artefacts[WITHIN][0]) + descent.shift(gone, len(rows) + gone, regime.l2)
        wanted = regime.bowl.steps(off, regime.distance)
        steps = min(wanted, self.most)
        state = descent.descend(x, target, model.artefacts[STATE], regime.l2, regime.bowl, steps)
        seed = int(salt(context.recipe.seed, context.seed, PERTURB, len(rows)) >> np.uint64(33))
        within = max(regime.distance, regime.bowl.rate**steps * off)
        new = regime.published(model, state, seed, float(steps * len(rows)), within)
        slope = np.linalg.norm(descent.slope(x, target, state, regime.l2))
        figures = {
            "steps": float(steps),
            "contraction of a step": regime.bowl.rate,
            "distance to the optimum, at most": float(slope) / regime.l2,
            "noise": regime.sigma,
        }
        if steps < wanted:
            few = TOO_FEW.format(wanted=wanted, most=self.most)
            return Change(new, new.lineage.cost, Tier.EMPIRICAL, (few,), figures)
        bound = words.bound(regime.epsilon, regime.delta)
        return Change(new, new.lineage.cost, notes=(STATE_KEPT,), figures=figures, bound=bound)

    def _plain(self, context: Context) -> Change:
        model, data, l2 = context.model, context.data, context.recipe.l2
        rows = np.flatnonzero(context.keep)
        x, target, w = _with_intercept(model, data, rows)
        classes = data.task == "classification"
        bowl = descent.of_records(x, l2, classes)
        start, steps = float(np.linalg.norm(descent.slope(x, target, w, l2, classes))), 0
        left = start
        while left > NEAR * start and steps < self.most:
            w, steps = descent.descend(x, target, w, l2, bowl, 1, classes), steps + 1
            left = float(np.linalg.norm(descent.slope(x, target, w, l2, classes)))
        figures = {
            "steps": float(steps),
            "contraction of a step": bowl.rate,
            "distance to the optimum, at most": left / l2,
        }
        new = _with_all(model, w)
        return Change(new, float(steps * len(rows)), Tier.EMPIRICAL, (NO_NOISE,), figures)


def _check_state(model: Model, data: Dataset, rows: Array, regime: PublishedNoisy) -> None:
    """Refuse a state that cannot be as near to the optimum on its records as is said."""
    x, target = seen(model, data, rows)
    slope = np.linalg.norm(descent.slope(x, target, model.artefacts[STATE], regime.l2))
    if slope > regime.bowl.largest * model.artefacts[WITHIN][0] * (1 + 1e-6):
        raise NotApplicable(
            "The state in the model's folder is not near the optimum on these records: either changed since.",
            "Retrain the model in its regime.",
        )


def _with_intercept(model: Model, data: Dataset, rows: Array) -> tuple[Array, Array, Array]:
    """Inputs of the last layer, with 1 for its intercept; targets; weights, intercept last."""
    x, head = convex.seen_by_head(model.members[0], data.take(rows)), head_of(model.network)
    w = head.weight.detach().numpy().astype(np.float64)
    if head.bias is not None:
        x = np.hstack([x, np.ones((len(x), 1))])
        w = np.hstack([w, head.bias.detach().numpy().astype(np.float64)[:, None]])
    classes = len(model.classes)
    target = np.eye(classes)[data.y[rows]] if classes else np.asarray(data.y[rows])[:, None]
    return x, target, w


def _with_all(model: Model, w: Array) -> Model:
    """The model with these weights, the intercept last, in its own number format."""
    network = copy.deepcopy(model.network)
    head = head_of(network)
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(w[:, : head.in_features]))
        if head.bias is not None:
            head.bias.copy_(torch.from_numpy(w[:, -1]))
    return replace(model, members=(replace(model.members[0], network=network),))
