"""The guard of every method that edits weights: at most two points of quality on the validation records."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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
    context: Context, attempt: Callable[[float], Change], steps: Sequence[float]
) -> Change:
    """The first of `steps` (largest first) within the guard; the input model itself if none is.

    Without validation records nothing can be chosen: then the smallest step is taken, and said so.
    """
    if len(context.validation) == 0:
        steps = steps[-1:]
    passes = 0.0
    for step in steps:
        change = _tried(attempt, step)
        passes += change.passes if change else 0.0
        if change and lost(context, change.model) <= TOLERATED:
            return _with_step(context, change, passes, step)
    return Change(context.model, passes, notes=(reservation("rolled back", POINTS),))


def _tried(attempt: Callable[[float], Change], step: float) -> Change | None:
    try:
        return attempt(step)
    except Diverged:  # a step that breaks the training is one that is too long
        return None


def _with_step(context: Context, change: Change, passes: float, step: float) -> Change:
    notes = () if len(context.validation) else (reservation("no guard"),)
    figures = {**change.figures, "step": step, "validation lost": lost(context, change.model)}
    return Change(change.model, passes, change.tier, (*change.notes, *notes), figures)
