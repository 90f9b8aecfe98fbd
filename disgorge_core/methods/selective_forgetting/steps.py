"""What methods that move trained weights by gradient steps have in common."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from disgorge_core import training
from disgorge_core.methods.contract import Context, Facts
from disgorge_core.models.layers import head_of
from disgorge_core.params import param
from disgorge_core.registry import METHODS
from disgorge_core.training.repair import Objective
from disgorge_core.types import Array, Model, Recipe


def given_step() -> Any:
    """The setting for the learning rate."""
    return param(
        0.0,
        label="Learning rate",
        help="0 takes the largest that costs at most 2 points on the validation records",
        min=0.0,
        max=10.0,
    )


def only_plain(facts: Facts) -> str | None:
    """Why a model of another regime is not moved by gradient steps."""
    if facts.regime == "plain":
        return None
    regime = training.regime_of(facts.model)
    if regime is None:
        return "The model is a sum over its records: take them out of the sum instead."
    instead = METHODS[regime.method].title
    return f"The model was trained in the regime {regime.title!r}: {instead[0].lower()}{instead[1:]} instead."


def share_of_full(facts: Facts, passes: float, given: float) -> float:
    """Passes as a share of one full training; twice where the step is searched for."""
    epochs = (facts.recipe or Recipe()).epochs
    return passes * (1 if given else 2) / (epochs * max(1, facts.n_train))


def repaired(
    context: Context, rows: Array, objective: Objective, epochs: int, lr: float, batch: int
) -> Model:
    """The model after these steps, with the batch statistics of the kept records."""
    model = training.continue_training(
        context.model, context.data, rows, objective=objective, epochs=epochs, lr=lr, batch=batch,
        momentum=0.9, seed=context.seed, movable=_movable(context.model), report=context.report,
    )  # fmt: skip
    return training.refresh_buffers(model, context.data, np.flatnonzero(context.keep))


def _movable(model: Model) -> dict[str, torch.Tensor]:
    """Factor 0 for all weights but the head's where only the head was trained."""
    if model.recipe is None or model.recipe.trainable == "all":
        return {}
    head = {id(p) for p in head_of(model.network).parameters()}
    return {n: torch.zeros(1) for n, p in model.network.named_parameters() if id(p) not in head}
