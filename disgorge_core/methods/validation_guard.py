"""The guard of every method that edits weights: at most two points of quality on the validation records."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from disgorge_core import metrics
from disgorge_core.errors import Diverged
from disgorge_core.methods.contract import Context
from disgorge_core.models.prediction import logits
from disgorge_core.types import Change, Model
from disgorge_core.words import reservation

TOLERATED = 0.02  # of accuracy; of the root mean squared error as a share of what it was
POINTS = f"{100 * TOLERATED:g}"


def lost(context: Context, model: Model) -> float:
    """Quality lost on the validation records against the input model; 0 where there are none."""
    rows = context.validation
    if len(rows) == 0:
        return 0.0
    x, y = context.data.take(rows), context.data.y[rows]
    task = context.model.task
    before = metrics.quality(logits(context.model, x), y, task).value
    after = metrics.quality(logits(model, x), y, task).value
    return after / before - 1 if task == "regression" else before - after


def largest_step(
    context: Context, attempt: Callable[[float], Change], given: float, steps: Sequence[float]
) -> Change:
    """The given step; where it is 0, the first of `steps` (largest first) within the guard.

    If no step is, the input model itself comes back. Without validation records nothing can be chosen:
    then the smallest step is taken, and said so.
    """
    if given:
        return _with_step(context, attempt(given), given)
    if len(context.validation) == 0:
        change = _with_step(context, attempt(steps[-1]), steps[-1])
        return replace(change, notes=(*change.notes, reservation("no guard")))
    passes = 0.0
    for step in steps:
        change = _tried(context, attempt, step)
        passes += change.passes
        if change.figures["validation lost"] <= TOLERATED:
            return replace(change, passes=passes)
    return Change(context.model, passes, notes=(reservation("rolled back", POINTS),))


def _tried(context: Context, attempt: Callable[[float], Change], step: float) -> Change:
    """One attempt; a step that breaks the training counts as one that loses everything."""
    try:
        return _with_step(context, attempt(step), step)
    except Diverged:
        return Change(context.model, 0.0, figures={"validation lost": math.inf})


def _with_step(context: Context, change: Change, step: float) -> Change:
    figures = {**change.figures, "step": step, "validation lost": lost(context, change.model)}
    return replace(change, figures=figures)
