"""Training in stages, each on more of the records than the one before, with the weights kept after each.

Stage a starts from the weights after stage a - 1 and from nothing else: it has an optimiser, an order,
a schedule and preprocessing of its own, fitted to the records that it may see; weights are carried over
columns and words. So a training can be taken up again after any stage, bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from disgorge_core.errors import BadModel
from disgorge_core.training.alone import train_each
from disgorge_core.training.batch_log import Log
from disgorge_core.training.loop import even_log, joins_single
from disgorge_core.training.order import salt
from disgorge_core.training.results import lineage_of, models_of
from disgorge_core.training.task import Job, Task, tasks_for
from disgorge_core.types import Array, Model, Progress, Report

State = Mapping[str, Array]  # the weights and buffers of a network by name


@dataclass(frozen=True, eq=False)
class Stages:
    """What each model of a job learns in each stage.

    `so_far`: bool (A, K, n), the records of a stage, which hold those of the stage before; `epochs` (A,);
    `begin` (K,): the stage to begin with, from the kept state of the one before; `kept`: for each model,
    the states after its stages by number. `logged`: batches are kept; where `logs` names those of a
    model's stage (k, a), they are followed.
    """

    so_far: Array
    epochs: tuple[int, ...]
    begin: tuple[int, ...]
    kept: tuple[Mapping[int, State], ...]
    logged: bool = False
    logs: Mapping[tuple[int, int], Log] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Staged:
    """A model after its last stage, the states after the stages before, and kept logs, by number."""

    model: Model
    states: dict[int, State] = field(default_factory=dict)
    logs: dict[int, Log] = field(default_factory=dict)


def from_start(so_far: Array, epochs: Sequence[int], *, logged: bool = False) -> Stages:
    """All stages of all models, nothing kept from before."""
    models = so_far.shape[1]
    return Stages(so_far, tuple(epochs), (0,) * models, ({},) * models, logged)


def train_stages(job: Job, plan: Stages, workers: int | None, report: Report) -> list[Staged]:
    """Train the models of a job; a stage without a record leaves its model unbegun.

    Raises BadModel where a kept state does not fit the records.
    """
    ends: list[Model | None] = [None] * len(job)
    states = [{a: s for a, s in plan.kept[k].items() if a < plan.begin[k]} for k in range(len(job))]
    logs: list[dict[int, Log]] = [{} for _ in range(len(job))]
    costs, share = [0.0] * len(job), _Share(plan, report)
    last = len(plan.epochs) - 1
    for stage, epochs in enumerate(plan.epochs):
        active = [
            k for k in range(len(job)) if plan.begin[k] <= stage and plan.so_far[stage, k].any()
        ]
        if not active:
            continue
        for k in active:
            if ends[k] is None and plan.begin[k] and plan.so_far[stage - 1, k].any():
                ends[k] = _resumed(job, plan, k, stage - 1)
        own = _job(job, plan, active, stage, epochs, ends)
        inputs, tasks = tasks_for(own)
        if plan.logged:
            tasks = [
                _logged(plan, own, k, stage, task) for k, task in zip(active, tasks, strict=True)
            ]
        train_each(tasks, inputs, own.recipe, workers, share.of(stage))
        for k, task, model in zip(active, tasks, models_of(own, tasks), strict=True):
            ends[k], costs[k] = model, costs[k] + model.lineage.cost
            if task.log is not None:
                logs[k][stage] = task.log
            if stage < last:
                states[k][stage] = _state(model)
    return [Staged(_whole(job, k, ends[k], costs[k]), states[k], logs[k]) for k in range(len(job))]


def _job(
    job: Job, plan: Stages, active: list[int], stage: int, epochs: int, ends: Sequence[Model | None]
) -> Job:
    """The job of one stage."""
    return replace(
        job,
        recipe=replace(job.recipe, epochs=epochs),
        keep=plan.so_far[stage, active],
        seeds=tuple(stage_seed(job.seeds[k], stage) for k in active),
        starts=tuple(ends[k] or job.starts[k] for k in active),
        labels=tuple(job.labels[k] for k in active),
    )


def stage_seed(seed: int, stage: int) -> int:
    """The seed of one stage; that of the first is the training's own."""
    return int(salt(seed, stage) >> np.uint64(33)) if stage else seed


def _logged(plan: Stages, job: Job, k: int, stage: int, task: Task) -> Task:
    """A task with the batches that it follows and keeps."""
    log = plan.logs.get((k, stage))
    if log is None:
        log = even_log(len(task.rows), job.recipe, joins_single(task.network))
    return replace(task, log=tuple(log))


def _resumed(job: Job, plan: Stages, k: int, stage: int) -> Model:
    """The model as it was after a stage: its state, and preprocessing fitted to the same records."""
    own = _job(job, plan, [k], stage, plan.epochs[stage], [None] * len(job))
    _, (task,) = tasks_for(own)
    try:
        state = {
            name: torch.from_numpy(value.copy()) for name, value in plan.kept[k][stage].items()
        }
        task.network.load_state_dict(state)
    except (KeyError, RuntimeError):
        raise BadModel(
            "The weights that were kept after a stage do not fit these records.",
            "Open the dataset that the model was trained on, or retrain the model as a whole.",
        ) from None
    return models_of(own, [task])[0]


def _state(model: Model) -> State:
    values = model.network.state_dict().items()
    return {name: value.detach().clone().numpy() for name, value in values}


def _whole(job: Job, k: int, model: Model | None, cost: float) -> Model:
    """The last stage's model as that of the whole training."""
    assert model is not None  # callers see to it that there is a record
    recipe = replace(job.recipe, seed=job.seeds[k])
    return replace(model, recipe=recipe, lineage=lineage_of(job.starts[k], cost))


class _Share:
    """Progress of all stages as one, weighted by record-passes."""

    def __init__(self, plan: Stages, report: Report) -> None:
        counts = plan.so_far.sum(2)  # (A, K)
        begun = np.arange(len(counts))[:, None] >= np.array(plan.begin)
        passes = (counts * begun * np.array(plan.epochs)[:, None]).sum(1)
        self.ends, self.report = np.cumsum(passes) / max(1, passes.sum()), report

    def of(self, stage: int) -> Report:
        if len(self.ends) == 1:
            return self.report
        low, high = (float(self.ends[stage - 1]) if stage else 0.0), float(self.ends[stage])
        name = f"stage {stage + 1} of {len(self.ends)}"

        def within(p: Progress) -> None:
            message = ", ".join(filter(None, (name, p.message)))
            self.report(replace(p, share=low + (high - low) * p.share, message=message))

        return within


# --- as arrays of a model -------------------------------------------------------------------------


def packed(prefix: str, states: Mapping[int, State]) -> dict[str, Array]:
    """States by stage as artefacts "prefix/stage/name"."""
    return {
        f"{prefix}/{stage}/{name}": value
        for stage, state in states.items()
        for name, value in state.items()
    }


def unpacked(prefix: str, artefacts: Mapping[str, Array]) -> dict[int, State]:
    """States by stage from artefacts."""
    found: dict[int, dict[str, Array]] = {}
    for key, value in artefacts.items():
        if key.startswith(f"{prefix}/"):
            stage, _, name = key.removeprefix(f"{prefix}/").partition("/")
            found.setdefault(int(stage), {})[name] = value
    return dict(found)
