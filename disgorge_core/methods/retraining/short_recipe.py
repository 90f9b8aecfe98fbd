"""The gentle recipe of a short run, and how long a training goes on in units of its own rate."""

from __future__ import annotations

import math
from dataclasses import replace

from disgorge_core.types import Recipe

MOMENTUM = 0.8
SMALLEST = 8  # records of a batch
AFTER_ADAM = (
    0.05 / 16
)  # rate of SGD for each record of a batch, where the recipe has none of its own


def shorter(recipe: Recipe, epochs: int, seed: int) -> Recipe:
    """SGD in small batches with linear decay, and about the same noise in a step; always SGD."""
    batch = max(SMALLEST, recipe.batch // 4)
    lr = 2 * recipe.lr * (batch / recipe.batch) * (1 - MOMENTUM) / (1 - recipe.momentum)
    if recipe.optimiser != "sgd":
        lr = AFTER_ADAM * batch
    return replace(
        recipe, optimiser="sgd", epochs=epochs, batch=batch, momentum=MOMENTUM, lr=lr,
        schedule="linear", seed=seed,
    )  # fmt: skip


def training_time(recipe: Recipe, n: int) -> float:
    """Sum of the rates of all steps over n records, divided by 1 - momentum."""
    steps = recipe.epochs * math.ceil(n / recipe.batch)
    mean = recipe.lr if recipe.schedule == "constant" else recipe.lr / 2
    return mean * steps / (1 - recipe.momentum)


def said(recipe: Recipe, full: Recipe) -> str:
    """What was shortened, in words."""
    told = (
        f"{recipe.epochs} epochs in batches of {recipe.batch} instead of {full.epochs} in batches of "
        f"{full.batch}"
    )
    by = "" if full.optimiser == "sgd" else ", by SGD instead of Adam"
    return f"{told}{by}, then one scale on the logits"
