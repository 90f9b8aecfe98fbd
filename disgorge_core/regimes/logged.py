"""The logged regime: one network, a log of its batches, and its weights as they were after each arrival.

Records arrive in stages, by the order of their values in a column `by`; neighbouring values are put
together until there are at most `stages`. Stage a starts from the weights after stage a - 1, with an
optimiser, a schedule and preprocessing of its own, and reads all that came so far; its epochs are whole
numbers near 2 e' / (A + 1), so that all A stages make about e' passes (`sharding_plan.stage_epochs`).
Weights are kept after each stage but the last. Within a stage every record is met in the first epoch, so
no weights between its start and its end could be free of any of them: none are kept there. Without such a
column there is one stage, and a rewind goes back to the start.

The log holds how many records each batch took, and how many came in each stage. Which records they were
follows from the seed: an epoch visits them in the order of a hash of seed, epoch and id, which does not
change when others leave. So the log names nobody, and after a removal it says what is left.

To rewind is to go back to the weights before the first stage that read one of the records, and to follow
the log from there without them: batches keep their place in the schedule and become smaller, empty ones
are passed over (with batch norms also those of a single record), preprocessing is fitted again. That is
bitwise the whole log followed without the records, which is not a new training without them: that would
cut full batches. References and twins of such a model are new trainings in this regime, with stages and
batches cut from their own records; they differ from a rewound model as another draw does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from disgorge_core import sharding_plan
from disgorge_core.errors import BadForgetSet, NotApplicable
from disgorge_core.params import param, values_of
from disgorge_core.registry import REGIMES
from disgorge_core.training import Burden, batch_log, recipe_of
from disgorge_core.training.batch_log import ARRIVED, DATASET, Log
from disgorge_core.training.blueprint import blueprint
from disgorge_core.training.by_column import ranks_by, why_no_column
from disgorge_core.training.results import Stack, stack_of
from disgorge_core.training.staged import (
    Staged,
    Stages,
    from_start,
    packed,
    stage_seed,
    train_stages,
    unpacked,
)
from disgorge_core.training.task import Job, job_of
from disgorge_core.types import SPLITS, Array, Dataset, Model, Progress, Recipe, Report, silent

KEPT = "log/weights"
NO_LOG = "The model kept no log of its batches: train one with a batch log on the Model page."
OTHER_DATA = (
    "The log of the model's batches was written on another dataset: open that one, or retrain."
)
TORN = "The log of the model's batches is damaged: open the model again, or retrain it."


@REGIMES.register
@dataclass(frozen=True)
class Logged:
    """Train one network in the order of arrival, and keep what it takes to rewind."""

    by: str = param(
        "", label="Arrived by", column=True, optional=True,
        help="Records come in the order of their values here; none: all at once, and a rewind is dear",
    )  # fmt: skip
    stages: int = param(
        5, help="Arrivals at most, the weights kept after each; neighbouring values go together",
        min=1, max=100,
    )  # fmt: skip

    name = "logged"
    title = "Batch log"
    order = 15
    tasks = ("classification", "regression")
    promise = (
        "One network that reads the records as they came, its batches and the weights after each arrival "
        "kept. A removal rewinds to before the records came; late ones are cheap."
    )
    method = "rewind"

    def why_not(self, data: Dataset, architecture: str) -> str | None:
        """Needs a value for each record in the column of arrival."""
        return why_no_column(data, self.by) if self.by else None

    def burden(self, data: Dataset, records: int, recipe: Recipe) -> Burden:
        """About as many passes as a plain training; weights are kept for each arrival.

        Raises BadParam where there are too few epochs for the stages or the column cannot be used.
        """
        train = data.split == SPLITS.index("train")
        counts = np.cumsum(np.bincount(self.arrivals(data, train)[train]))
        epochs = sharding_plan.stage_epochs(recipe.epochs, len(counts))
        passes = sum(e * int(n) for e, n in zip(epochs, counts, strict=True))
        return Burden(passes * records / max(1, int(train.sum())), storage=len(counts))

    def parts(self, data: Dataset, members: int) -> Array:
        """All records for every network."""
        return np.ones((members, len(data)), dtype=bool)

    def arrivals(self, data: Dataset, keep: Array) -> Array:
        """The stage (n,) that each record of keep (n,) arrives in, -1 for the others."""
        if not self.by or not keep.any():
            return np.where(keep, 0, -1)
        rank = ranks_by(data, self.by, keep)
        groups = np.array_split(np.arange(rank.max() + 1), min(self.stages, int(rank.max()) + 1))
        stage = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
        return np.where(keep, stage[rank], -1)

    def train(self, job: Job, workers: int | None, report: Report) -> Stack:
        """Each model in its own arrivals; those with as many of them side by side."""
        if not job.keep.any(1).all():
            raise BadForgetSet("No record is left to train the model on.", "Remove fewer records.")
        arrivals = [self.arrivals(job.data, keep) for keep in job.keep]
        counts = [int(stage.max()) + 1 for stage in arrivals]
        made: dict[int, Model] = {}
        for count in sorted(set(counts)):
            own = [k for k in range(len(job)) if counts[k] == count]
            part = _part(report, len(made) / len(job), (len(made) + len(own)) / len(job))
            made |= self._trained(job, own, [arrivals[k] for k in own], workers, part)
        return stack_of([made[k] for k in range(len(job))])

    def _trained(
        self, job: Job, own: list[int], arrivals: list[Array], workers: int | None, report: Report
    ) -> dict[int, Model]:
        picked = replace(
            job, keep=job.keep[own],
            seeds=tuple(job.seeds[k] for k in own), starts=tuple(job.starts[k] for k in own),
            labels=tuple(job.labels[k] for k in own),
        )  # fmt: skip
        so_far = _so_far(np.stack(arrivals))
        epochs = sharding_plan.stage_epochs(job.recipe.epochs, len(so_far))
        found = train_stages(picked, from_start(so_far, epochs, logged=True), workers, report)
        return {
            k: self._kept(picked, place, staged, so_far[:, place])
            for place, (k, staged) in enumerate(zip(own, found, strict=True))
        }

    def _kept(self, job: Job, k: int, staged: Staged, so_far: Array) -> Model:
        """The model with its log; none where it began with weights that the log does not know."""
        kept: dict[str, Array] = {}
        if job.starts[k] is None:
            logs = [staged.logs[a] for a in sorted(staged.logs)]
            arrived = np.diff(so_far.sum(1), prepend=0)
            kept = batch_log.written(job.data.digest, arrived, logs) | packed(KEPT, staged.states)
        return replace(
            staged.model, regime=self.name, regime_settings=values_of(self), artefacts=kept
        )


def _part(report: Report, low: float, high: float) -> Report:
    def within(p: Progress) -> None:
        report(replace(p, share=low + (high - low) * p.share))

    return report if high - low == 1 else within


def _so_far(arrivals: Array) -> Array:
    """Bool (A, K, n): what each stage reads, from the stages (K, n) in which records arrive."""
    stages = np.arange(arrivals.max() + 1)[:, None, None]
    return np.asarray((arrivals >= 0) & (arrivals <= stages))


# --- to rewind ------------------------------------------------------------------------------------


def why_no_log(model: Model, data: Dataset, seen: Array) -> str | None:
    """One sentence that says why a model cannot be rewound; None if it can. `seen` (n,): what it saw."""
    found = model.artefacts
    if model.regime != Logged.name or any(n not in found for n in batch_log.PARTS):
        return NO_LOG
    if found[DATASET].tobytes() != data.digest.encode():
        return OTHER_DATA
    enough = 2 * recipe_of(model, None).epochs > len(found[ARRIVED])
    whole = enough and int(found[ARRIVED].sum()) == int(seen.sum())
    return None if whole and batch_log.adds_up(model.artefacts, _epochs(model)) else TORN


def _epochs(model: Model) -> tuple[int, ...]:
    return sharding_plan.stage_epochs(recipe_of(model, None).epochs, len(model.artefacts[ARRIVED]))


def arrived_in(model: Model, data: Dataset, seen: Array) -> Array:
    """The stage (n,) in which each record that a model saw arrived by its log, -1 for the others."""
    arrived = model.artefacts[ARRIVED]
    regime = Logged(**model.regime_settings)
    rows = np.flatnonzero(seen)
    if regime.by:
        rows = rows[np.argsort(ranks_by(data, regime.by, seen)[rows], kind="stable")]
    found = np.full(len(data), -1, dtype=np.int64)
    found[rows] = np.repeat(np.arange(len(arrived)), arrived)
    return found


def tail_passes(model: Model, data: Dataset, seen: Array, keep: Array) -> float:
    """Record-passes of a rewind to before the first record that was seen (n,) and is not to be kept."""
    stage = arrived_in(model, data, seen)
    epochs = _epochs(model)
    left = np.cumsum(np.bincount(stage[seen & keep], minlength=len(epochs)))
    first = int(stage[seen & ~keep].min())
    return float(sum(e * int(n) for e, n in list(zip(epochs, left, strict=True))[first:]))


def replay(
    model: Model,
    data: Dataset,
    seen: Array,
    keep: Array,
    *,
    begin: int | None = None,
    report: Report = silent,
) -> Model:
    """Follow the log on the records seen (n,) and to be kept (n,), from the last weights free of the rest.

    `begin` names another stage to begin with, 0 for the start. Raises NotApplicable where the log is
    missing, damaged or of another dataset.
    """
    reason = why_no_log(model, data, seen)
    if reason:
        raise NotApplicable("The model cannot be rewound.", reason)
    recipe, stage = recipe_of(model, None), arrived_in(model, data, seen)
    gone = seen & ~keep
    first = int(stage[gone].min()) if begin is None else begin
    job = job_of(data, blueprint(model, data), recipe, seen & keep, [recipe.seed])
    logs = [
        batch_log.without(log, data, seen & (stage <= a), gone, stage_seed(recipe.seed, a))
        for a, log in enumerate(batch_log.read(model.artefacts, _epochs(model)))
    ]
    plan = _plan(model, job, stage, first, {(0, a): log for a, log in enumerate(logs)})
    (staged,) = train_stages(job, plan, 1, report)
    arrived = np.bincount(stage[job.keep[0]], minlength=len(logs))
    kept = batch_log.written(data.digest, arrived, logs) | packed(KEPT, staged.states)
    before = model.lineage
    lineage = replace(
        before, cost=staged.model.lineage.cost, parents=(*before.parents, model.digest)
    )
    return replace(
        staged.model, name=model.name, regime=model.regime, regime_settings=model.regime_settings,
        artefacts=kept, lineage=lineage,
    )  # fmt: skip


def _plan(
    model: Model, job: Job, stage: Array, first: int, logs: Mapping[tuple[int, int], Log]
) -> Stages:
    count = len(model.artefacts[ARRIVED])
    so_far = np.stack([job.keep & (stage <= a) for a in range(count)])
    states = unpacked(KEPT, model.artefacts)
    while first and first - 1 not in states and so_far[first - 1].any():
        first -= 1
    return Stages(so_far, _epochs(model), (first,), (states,), True, logs)
