"""A short and gentle retrain on the retain set, then one scale on the logits.

Formula: with the old recipe's rate η, batch B, momentum μ and E₀ epochs, and a budget b:
    B' = max(8, B/4), μ' = 0.8, η' = 2 η (B'/B) (1-μ')/(1-μ), linear decay, E = ⅔ b E₀ epochs,
    T(E) = ½ η' E ⌈|R|/B'⌉ / (1-μ'), T* = Σ_k η_k / (1-μ) of the old recipe,
    p = SGD from w₀ on R for E epochs, q = the same for E/2 epochs,
    s = 1 + (m(p) - m(q)) / ln(T(E)/T(E/2)) · ln(T*/T(E)) / m(p)          if acc_R(p) ≥ 98 %  (log-law)
    s = m(old model) / m(the short run on R and F)                         otherwise          (paired)
where m is the median margin over R; s is clipped to [0.8, 5] ([0.3, 5] with weight decay) and multiplies
the last layer. Weight decay bends the log-law (`logit_scale`). The two runs cost b of a full training by
the log-law and 4/3 b paired. w₀ is fresh, or λ of the old weights and 1-λ of fresh ones.
A recipe with Adam has no T*: the short run is SGD at η' = 0.05 B'/16, E = ½ b E₀, and the scale is paired.
Source: margins grow like a + b ln T once the records are fitted: Soudry et al. (arXiv 1710.10345);
the recipe, the scales and the 98 % rule are this project's own.
Guarantee: with λ = 0 and the log-law neither the weights nor the scale ever touched F or the old model; with
the paired scale one number did. The recipe is not the original's, and the claim says so. With λ > 0 a trace
of F stays: 0.2 nearly none, 0.6 much of what was learnt by heart.
Measured on wrong labels of digits at a budget of 20 %, as mean z² on F in multiples of that of full
retrainings (`benchmarks/compressed_retrain.md`): plain SGD 1.3, GroupNorm 1.1, BatchNorm 1 between
convolutions and 3 between linear layers, weight decay 1.2 (0.0001) to 3.5 (0.001), shifted pictures 1.8 at
three times the cost, Adam 2.5 to 4 (14 at a rate of 0.01: refused), a frozen trunk 9 and one linear layer 23
(refused); the model before 20 to 170. Recipes of 12 epochs ended in full for five models of six.
Fails when: the short runs are far from fitting R: the model is then under-trained, which the guard on the
validation records answers with longer runs. One layer alone (linear models, heads on a frozen network) ends
nearly where it must, whatever the seed, and a short run ends elsewhere: refused.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from disgorge_core import metrics, training
from disgorge_core.methods.contract import Context, Facts
from disgorge_core.methods.retraining import logit_scale
from disgorge_core.methods.retraining.short_recipe import said, shorter, training_time
from disgorge_core.methods.validation_guard import POINTS, TOLERATED, lost
from disgorge_core.models.backbones.whole import WHOLE
from disgorge_core.models.prediction import logits
from disgorge_core.params import param
from disgorge_core.registry import METHODS
from disgorge_core.training.blueprint import blueprint, carry
from disgorge_core.training.loop import joins_single
from disgorge_core.training.task import job_of, tasks_for
from disgorge_core.types import Array, Change, Family, Member, Model, Progress, Recipe, Tier, Timing
from disgorge_core.words import reservation

FITTED = 0.98  # accuracy on R from which the log-law holds
BOUNDS, BOUNDS_WITH_DECAY = (0.8, 5.0), (0.3, 5.0)
SAMPLE = 1500  # records of R that medians are taken over
FASTEST_ADAM = 0.003  # rate of Adam; at 0.01 the paired scale was measured far too large
FEW = 3  # epochs below which the runs mostly lost too much quality, and the full recipe followed
PROBED = 16  # records on which it is seen whether the last layer is a temperature


@METHODS.register
@dataclass(frozen=True)
class CompressedRetrain:
    """Train afresh by a shorter recipe on the kept records, then rescale the logits."""

    name = "compressed_retrain"
    title = "Short retrain without the records"
    family = Family.RETRAINING
    timing = Timing.REACTIVE
    tier = Tier.REBUILT
    needs = ("model", "data", "keep", "forget", "recipe", "validation")
    tasks = ("classification",)
    order = 20
    promise = (
        "Trains a fresh model without the records in a fraction of the time and brings its confidence "
        "to the original's level; it is a shorter recipe, so it differs a little from a full retrain."
    )
    measured = {  # recipes beyond plain SGD: how far the short run ends, at a budget of 20 %
        "adam": "Adam ended 3 to 4",
        "augmented": "shifted pictures cost nearly three times its budget and ended 2",
        "batch norm": "batch norm ended 1 to 3",
        "weight decay": "weight decay ended 1 to 4",
    }

    budget: float = param(
        0.2, help="Work to spend, as a share of one full training", min=0.05, max=0.5
    )
    old_share: float = param(
        0.0,
        label="Old weights in the start (λ)",
        help="0 starts afresh. Above 0 the new model stays nearer to the original on what is kept, but a "
        "trace of the records stays, and the result is called reduced, not rebuilt",
        min=0.0,
        max=0.9,
        advanced=True,
    )

    def epochs(self, recipe: Recipe) -> int:
        """Epochs of the longer short run; the other takes half of them, or as many if it must be paired."""
        share = 2 / 3 if recipe.optimiser == "sgd" else 1 / 2
        return round(share * self.budget * recipe.epochs)

    def why_not(self, facts: Facts) -> str | None:
        """Needs one network of several layers, and a recipe long enough to be shortened."""
        if facts.recipe is None:
            return "The recipe is unknown: state the recipe on the Model page."
        if facts.regime != "plain" or facts.model.preprocessing.kind == WHOLE:
            return "It needs one plain network that can be built afresh: retrain in full instead."
        if facts.recipe.trainable != "all" or _weighted(facts.model.network) < 2:
            return (
                "Only one layer is trained, and there a short run was measured far from full retrainings: "
                "retrain in full, which is cheap for one layer."
            )
        if facts.recipe.optimiser != "sgd" and facts.recipe.lr > FASTEST_ADAM:
            return (
                f"With Adam it was measured close enough only for rates up to {FASTEST_ADAM}: retrain in "
                "full instead."
            )
        if self.epochs(facts.recipe) < 2:
            return "The recipe is short already: retrain in full, or raise the budget."
        if not logit_scale.is_temperature(facts.model, _some(facts)):
            return (
                "The answers do not scale with the last linear layer (something stands behind it, or shares "
                "its weights): retrain in full instead."
            )
        return None

    def tier_for(self, facts: Facts) -> Tier:
        """Rebuilt from a fresh start only."""
        return Tier.EMPIRICAL if self.old_share else self.tier

    def promise_for(self, facts: Facts) -> str:
        """The promise, and what was measured on recipes like this one."""
        assert facts.recipe is not None
        few = (reservation("few epochs"),) if self.epochs(facts.recipe) < FEW else ()
        return " ".join([self.promise, *self._measured(facts.model, facts.recipe), *few])

    def price(self, facts: Facts) -> float:
        """The budget, for the records that stay; with few epochs both attempts and the full recipe."""
        few = facts.recipe is not None and self.epochs(facts.recipe) < FEW
        return (1 + 3 * self.budget if few else self.budget) * facts.n_keep / max(1, facts.n_train)

    def run(self, context: Context) -> Change:
        """Short runs, once more at double length if quality suffers, then the full recipe."""
        first = self.epochs(context.recipe)
        spent = 0.0
        for epochs in (first, 2 * first):
            change = self._attempt(context, epochs)
            spent += change.passes
            if lost(context, change.model) <= TOLERATED:
                return replace(change, passes=spent, notes=(*change.notes, *self._said(context)))
        model = training.refit(
            context.model, context.data, context.keep, seed=context.seed, report=context.report
        )
        note = reservation("full retrain", POINTS)
        return Change(model, spent + model.lineage.cost, notes=(note,))

    def _attempt(self, context: Context, epochs: int) -> Change:
        recipe = shorter(context.recipe, epochs, context.seed)
        p = self._run(context, recipe, context.keep, "short run", (0.0, 0.6))
        x, y = _sample(context)
        fitted = metrics.accuracy(logits(p, x), y).value
        paired = fitted < FITTED or context.recipe.optimiser != "sgd"
        scale, passes = (self._paired if paired else self._by_law)(context, recipe, p)
        figures = {"scale": scale, "epochs": epochs, "accuracy on kept": fitted, "paired": paired}
        model = logit_scale.scaled(p, scale)
        lineage = replace(model.lineage, shorter_recipe=said(recipe, context.recipe))
        return Change(
            replace(model, recipe=context.recipe, lineage=lineage),  # the full one, for later retrainings
            p.lineage.cost + passes,
            tier=Tier.EMPIRICAL if self.old_share else None,
            notes=self._notes(paired),
            figures=figures,
        )  # fmt: skip

    def _by_law(self, context: Context, recipe: Recipe, p: Model) -> tuple[float, float]:
        """The scale by the law of growth, and the passes of the shorter run that it took."""
        probe = replace(recipe, epochs=max(1, recipe.epochs // 2))
        q = self._run(context, probe, context.keep, "shorter run", (0.6, 1.0))
        (x, y), n = _sample(context), int(context.keep.sum())
        margins = (logit_scale.median_margin(q, x, y), logit_scale.median_margin(p, x, y))
        times = (training_time(probe, n), training_time(recipe, n))
        l2 = recipe.l2
        decay = l2 * logit_scale.degree(p, x, y) if l2 else 0.0
        scale = logit_scale.grown(margins, times, training_time(context.recipe, n), decay)
        return float(np.clip(scale, *(BOUNDS_WITH_DECAY if l2 else BOUNDS))), q.lineage.cost

    def _paired(self, context: Context, recipe: Recipe, p: Model) -> tuple[float, float]:
        """The scale by the same short run on all records, and its passes."""
        everything = context.keep | context.forget
        other = self._run(context, recipe, everything, "run with all records", (0.6, 1.0))
        x, y = _sample(context)
        old, new = (logit_scale.median_margin(m, x, y) for m in (context.model, other))
        return float(np.clip(old / new, *BOUNDS)), other.lineage.cost

    def _run(
        self, context: Context, recipe: Recipe, keep: Array, name: str, shares: tuple[float, float]
    ) -> Model:
        """One short run; its progress is the part of the whole from the first share to the second."""

        def report(p: Progress) -> None:
            share = shares[0] + (shares[1] - shares[0]) * p.share
            context.report(Progress(share, f"{name}, {p.message}", p.figures))

        start = _mixed(context, recipe, keep, self.old_share) if self.old_share else None
        return training.refit(
            context.model, context.data, keep, recipe=recipe, seed=context.seed, start=start,
            report=report,
        )  # fmt: skip

    def _said(self, context: Context) -> tuple[str, ...]:
        unguarded = () if len(context.validation) else (reservation("no guard"),)
        return (*self._measured(context.model, context.recipe), *unguarded)

    def _measured(self, model: Model, recipe: Recipe) -> tuple[str, ...]:
        """What is known of such recipes, beyond the plain ones."""
        found = {
            "adam": recipe.optimiser != "sgd",
            "augmented": recipe.augment != "none",
            "batch norm": joins_single(model.network),
            "weight decay": recipe.l2 > 0,
        }
        names = [name for name, present in found.items() if present]
        return tuple(reservation("recipe measured", self.measured[name]) for name in names)

    def _notes(self, paired: bool) -> tuple[str, ...]:
        mixed = (reservation("start mixed", f"{100 * self.old_share:g} %"),)
        return (
            *(mixed if self.old_share else ()),
            *((reservation("scale touched"),) if paired else ()),
        )


def _mixed(context: Context, recipe: Recipe, keep: Array, share: float) -> Model:
    """A start of so much of the old weights and the rest fresh; buffers are fresh."""
    plan = blueprint(context.model, context.data)
    job = job_of(context.data, plan, recipe, keep, [context.seed])
    task = tasks_for(job)[1][0]
    old = copy.deepcopy(task.network)
    before = context.model
    carry(old, task.preprocessing.columns, before.network, before.preprocessing.columns)
    with torch.no_grad():
        for own, theirs in zip(task.network.parameters(), old.parameters(), strict=True):
            own.lerp_(theirs, share)
    return replace(before, members=(Member(task.network, task.preprocessing),))


def _weighted(network: nn.Module) -> int:
    """How many of its parts hold weights of their own."""
    return sum(any(True for _ in m.parameters(recurse=False)) for m in network.modules())


def _some(facts: Facts) -> Array:
    rows: Array = np.flatnonzero(facts.keep)[:PROBED]
    return facts.data.take(rows)


def _sample(context: Context) -> tuple[Array, Array]:
    rows = np.flatnonzero(context.keep)
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), SAMPLE)).astype(int)]
    return context.data.take(rows), context.data.y[rows]
