"""A short and gentle retrain on the retain set, then one scale on the logits.

Formula: with the old recipe's rate η, batch B, momentum μ and E₀ epochs, and a budget b:
    B' = max(8, B/4), μ' = 0.8, η' = 2 η (B'/B) (1-μ')/(1-μ), linear decay, E = ⅔ b E₀ epochs,
    T(E) = ½ η' E ⌈|R|/B'⌉ / (1-μ'), T* = Σ_k η_k / (1-μ) of the old recipe,
    p = SGD from fresh weights on R for E epochs, q = the same for E/2 epochs,
    s = 1 + (m(p) - m(q)) / ln(T(E)/T(E/2)) · ln(T*/T(E)) / m(p)          if acc_R(p) ≥ 98 %  (log-law)
    s = m(old model) / m(the short run on R and F)                         otherwise          (paired)
where m is the median margin over R; s is clipped to [0.8, 5] and multiplies the last layer. The two
runs cost b of a full training by the log-law and 4/3 b paired.
Source: margins grow like a + b ln T once the records are fitted: Soudry et al. (arXiv 1710.10345);
the recipe, the log-law and the 98 % rule are this project's own (`benchmarks/compressed_retrain.py`).
Guarantee: with the log-law neither the weights nor the scale ever touched F or the old model; with the
paired scale one number did. The recipe is not the original's, and the claim says so.
Fails when: the recipe uses Adam (not measured), or the short runs are far from fitting R: the model is
then under-trained, which the guard on the validation records answers with longer runs.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, replace

import numpy as np
import torch

from disgorge_core import metrics, training
from disgorge_core.methods.contract import Context, Facts
from disgorge_core.methods.validation_guard import POINTS, TOLERATED, lost
from disgorge_core.models.layers import flat, head_of
from disgorge_core.models.prediction import logits
from disgorge_core.params import param
from disgorge_core.registry import METHODS
from disgorge_core.types import Array, Change, Family, Member, Model, Progress, Recipe, Tier, Timing
from disgorge_core.words import reservation

FITTED = 0.98  # accuracy on R from which the log-law holds
BOUNDS = (0.8, 5.0)
SAMPLE = 1500  # records of R that medians are taken over


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

    budget: float = param(
        0.2, help="Work to spend, as a share of one full training", min=0.05, max=0.5
    )

    def epochs(self, recipe: Recipe) -> int:
        """Epochs of the longer short run; the probe takes half of them."""
        return round(2 / 3 * self.budget * recipe.epochs)

    def why_not(self, facts: Facts) -> str | None:
        """Needs a plain network with an SGD recipe long enough to be shortened."""
        if facts.recipe is None:
            return "The recipe is unknown: state the recipe on the Model page."
        if facts.regime != "plain" or not facts.has_layers:
            return "It needs one plain network that can be built afresh: retrain in full instead."
        if facts.model.layers is None or facts.model.layers[-1].kind != "linear":
            return "The network must end in a linear layer: retrain in full instead."
        if facts.recipe.optimiser != "sgd" or facts.recipe.trainable != "all":
            return "It is measured only for SGD on all weights: retrain in full instead."
        if self.epochs(facts.recipe) < 2:
            return "The recipe is short already: retrain in full, or raise the budget."
        return None

    def price(self, facts: Facts) -> float:
        """The budget, for the records that stay."""
        return self.budget * facts.n_keep / max(1, facts.n_train)

    def run(self, context: Context) -> Change:
        """Short runs, once more at double length if quality suffers, then the full recipe."""
        first = self.epochs(context.recipe)
        spent = 0.0
        for epochs in (first, 2 * first):
            change = _attempt(context, epochs)
            spent += change.passes
            if lost(context, change.model) <= TOLERATED:
                return replace(change, passes=spent, notes=(*change.notes, *_said(context)))
        model = training.refit(
            context.model, context.data, context.keep, seed=context.seed, report=context.report
        )
        note = reservation("full retrain", POINTS)
        return Change(model, spent + model.lineage.cost, notes=(note,))


def shorter(recipe: Recipe, epochs: int, seed: int) -> Recipe:
    """The gentle recipe: small batches, linear decay, about the same noise in a step."""
    batch, momentum = max(8, recipe.batch // 4), 0.8
    lr = 2 * recipe.lr * (batch / recipe.batch) * (1 - momentum) / (1 - recipe.momentum)
    return replace(
        recipe, epochs=epochs, batch=batch, momentum=momentum, lr=lr, schedule="linear", seed=seed
    )


def training_time(recipe: Recipe, n: int) -> float:
    """Sum of the rates of all steps over n records, divided by 1 - momentum."""
    steps = recipe.epochs * math.ceil(n / recipe.batch)
    mean = recipe.lr if recipe.schedule == "constant" else recipe.lr / 2
    return mean * steps / (1 - recipe.momentum)


def _attempt(context: Context, epochs: int) -> Change:
    recipe = shorter(context.recipe, epochs, context.seed)
    p = _run(context, recipe, context.keep, "short run", (0.0, 0.6))
    x, y = _sample(context)
    z = logits(p, x)
    fitted = metrics.accuracy(z, y).value
    if fitted >= FITTED:
        probe = replace(recipe, epochs=max(1, epochs // 2))
        other = _run(context, probe, context.keep, "shorter run", (0.6, 1.0))
        scale = _log_law(context, recipe, _median(z, y), _median(logits(other, x), y), other)
    else:
        everything = context.keep | context.forget
        other = _run(context, recipe, everything, "run with all records", (0.6, 1.0))
        scale = _median(logits(context.model, x), y) / _median(logits(other, x), y)
    scale = float(np.clip(scale, *BOUNDS))
    notes = () if fitted >= FITTED else (reservation("scale touched"),)
    figures = {
        "scale": scale,
        "epochs": epochs,
        "accuracy on kept": fitted,
        "paired": fitted < FITTED,
    }
    model = _finished(context, _scaled(p, scale), recipe)
    return Change(model, p.lineage.cost + other.lineage.cost, notes=notes, figures=figures)


def _run(
    context: Context, recipe: Recipe, keep: Array, name: str, shares: tuple[float, float]
) -> Model:
    """One short run; its progress is the part of the whole from the first share to the second."""

    def report(p: Progress) -> None:
        share = shares[0] + (shares[1] - shares[0]) * p.share
        context.report(Progress(share, f"{name}, {p.message}", p.figures))

    return training.refit(
        context.model, context.data, keep, recipe=recipe, seed=context.seed, report=report
    )


def _log_law(context: Context, recipe: Recipe, m_p: float, m_q: float, q: Model) -> float:
    n = int(context.keep.sum())
    probe = replace(recipe, epochs=max(1, recipe.epochs // 2))
    t_p, t_q = training_time(recipe, n), training_time(probe, n)
    slope = (m_p - m_q) / math.log(t_p / t_q)
    return 1 + slope * math.log(training_time(context.recipe, n) / t_p) / m_p


def _sample(context: Context) -> tuple[Array, Array]:
    rows = np.flatnonzero(context.keep)
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), SAMPLE)).astype(int)]
    return context.data.take(rows), context.data.y[rows]


def _median(z: Array, y: Array) -> float:
    return float(np.median(metrics.margins(z, y)))


def _scaled(model: Model, scale: float) -> Model:
    network = copy.deepcopy(model.network)
    head = head_of(network)
    with torch.no_grad():
        head.weight.mul_(scale)
        if head.bias is not None:
            head.bias.mul_(scale)
    return replace(model, members=(Member(network, model.preprocessing),))


def _finished(context: Context, model: Model, recipe: Recipe) -> Model:
    """The recipe stays the full one, for later retrainings; the lineage tells of the short one."""
    told = (
        f"{recipe.epochs} epochs in batches of {recipe.batch} instead of {context.recipe.epochs} in "
        f"batches of {context.recipe.batch}, then one scale on the logits"
    )
    return replace(
        model, recipe=context.recipe, lineage=replace(model.lineage, shorter_recipe=told)
    )


def _said(context: Context) -> tuple[str, ...]:
    untested = {
        "weight decay": context.recipe.l2 > 0,
        "augmentation": context.recipe.augment != "none",
        "batch norm": any(
            layer.kind.startswith("batchnorm") for layer in flat(context.model.layers or ())
        ),
    }
    found = [name for name, present in untested.items() if present]
    notes = [reservation("untested recipe", " or ".join(found))] if found else []
    return (*notes, *([] if len(context.validation) else [reservation("no guard")]))
