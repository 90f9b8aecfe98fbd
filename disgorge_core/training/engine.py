"""ENGINE 1: train one model or many, each on exactly the batches of its own kept records.

`fit(exclude=F)` is `fit_many` with one mask. Networks that a stack can compute are trained together
(`stacked`), others one by one on worker processes (`alone`); the batches are the same either way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from disgorge_core import compute
from disgorge_core.errors import BadParam, NotApplicable
from disgorge_core.training import stacked
from disgorge_core.training.alone import train_each
from disgorge_core.training.blueprint import Architecture, blueprint
from disgorge_core.training.closed_form import has_closed_form, run_closed_form
from disgorge_core.training.inputs import Inputs
from disgorge_core.training.regime import Regime, regime_of
from disgorge_core.training.results import Stack, models_of, stack_of
from disgorge_core.training.task import Job, Start, Task, job_of, tasks_for
from disgorge_core.training.ticker import Ticker
from disgorge_core.types import Array, Dataset, ForgetSet, Model, Recipe, Report, silent

DEFAULT = Recipe()


def fit(
    data: Dataset,
    architecture: Architecture = "mlp",
    recipe: Recipe = DEFAULT,
    *,
    settings: Mapping[str, Any] | None = None,
    exclude: ForgetSet | Array | None = None,
    start: Model | None = None,
    regime: Regime | None = None,
    name: str = "",
    report: Report = silent,
) -> Model:
    """Train one model on the train split without the excluded records.

    `start` gives start weights, else they are drawn from the recipe's seed. `regime` prepares for later
    removals; architectures with a closed form bring their own. Raises BadForgetSet if no
    record is left, Diverged, and what `report` raises (Cancelled).
    """
    plan = blueprint(architecture, data, settings)
    job = job_of(data, plan, recipe, kept(data, exclude), [recipe.seed], start)
    model = run(job, regime, report=report).models[0]
    excluded = (exclude.digest,) if isinstance(exclude, ForgetSet) else ()
    lineage = replace(model.lineage, excluded=(*model.lineage.excluded, *excluded))
    return replace(model, name=name or model.name, lineage=lineage)


def fit_many(
    data: Dataset,
    architecture: Architecture,
    recipe: Recipe,
    keep: Array,
    seeds: Sequence[int],
    *,
    settings: Mapping[str, Any] | None = None,
    start: Start = None,
    regime: Regime | None = None,
    workers: int | None = None,
    report: Report = silent,
) -> Stack:
    """Train K models, model k on the train records of keep[k] (n,) with seeds[k]: see `fit`.

    `start` is one model for all, or one for each. `workers=1` keeps everything in this process.
    """
    plan = blueprint(architecture, data, settings)
    job = job_of(data, plan, recipe, keep, seeds, start)
    return run(job, regime, workers=workers, report=report)


def refit(
    model: Model,
    data: Dataset,
    keep: Array,
    *,
    recipe: Recipe | None = None,
    seed: int | None = None,
    start: Model | None = None,
    report: Report = silent,
) -> Model:
    """Train the model again, by its own blueprint, regime and recipe, on the train records of keep (n,)."""
    seeds = [recipe_of(model, recipe).seed if seed is None else seed]
    stack = refit_many(model, data, keep, seeds, recipe=recipe, start=start, report=report)
    return replace(stack.models[0], name=model.name)


def refit_many(
    model: Model,
    data: Dataset,
    keep: Array,
    seeds: Sequence[int],
    *,
    recipe: Recipe | None = None,
    start: Start = None,
    workers: int | None = None,
    report: Report = silent,
) -> Stack:
    """Train the model again K times, for masks keep (K, n) and seeds (K,)."""
    plan = blueprint(model, data)
    job = job_of(data, plan, recipe_of(model, recipe), keep, seeds, start)
    return run(job, regime_of(model), workers=workers, report=report)


def recipe_of(model: Model, recipe: Recipe | None) -> Recipe:
    """The recipe given, else the model's own; raises NotApplicable if there is neither."""
    found = recipe or model.recipe
    if found is None:
        raise NotApplicable(
            f"The recipe of {model.name!r} is not known.",
            "State the recipe that it was trained by.",
        )
    return found


def kept(data: Dataset, exclude: ForgetSet | Array | None) -> Array:
    """Bool (n,): all records but the excluded ones."""
    if exclude is None:
        return np.ones(len(data), dtype=bool)
    mask = exclude.mask(data) if isinstance(exclude, ForgetSet) else np.asarray(exclude, dtype=bool)
    return ~mask


def run(
    job: Job, regime: Regime | None, *, workers: int | None = None, report: Report = silent
) -> Stack:
    """Do the trainings of a job in a regime; None is the plain one, or a closed form."""
    if has_closed_form(job):
        _no_regime_for_sums(regime)
        return run_closed_form(job, report)
    if regime is None:
        return train_job(job, workers, report)
    return regime.train(job, workers, report)


def _no_regime_for_sums(regime: Regime | None) -> None:
    if regime is not None and regime.name != "plain":
        raise BadParam(
            f"A model that is solved from sums is not trained in the regime {regime.title!r}.",
            "Leave the regime out: its records can be taken out of the sums as they are.",
        )


def train_job(job: Job, workers: int | None = None, report: Report = silent) -> Stack:
    """Train the networks of a job: together where a stack can compute them, else one by one."""
    inputs, tasks = tasks_for(job)
    if len(tasks) > 1 and stacked.stackable(tasks[0].layers, inputs.kind):
        _together(tasks, inputs, job.recipe, report)
    else:
        train_each(tasks, inputs, job.recipe, workers if len(tasks) > 1 else 1, report)
    return stack_of(models_of(job, tasks))


def _together(tasks: Sequence[Task], inputs: Inputs, recipe: Recipe, report: Report) -> None:
    ticker = Ticker(report, sum(len(task.rows) for task in tasks) * recipe.epochs)
    with compute.threads(recipe.threads):
        for part in stacked.chunks(tasks, inputs, recipe):
            stacked.train(part, inputs, recipe, ticker)
