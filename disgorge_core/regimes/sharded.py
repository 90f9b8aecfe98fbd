"""The sharded regime (SISA: Bourtoule et al., arXiv 1912.03817): one network for each shard, in slices.

A record's shard is a hash of its id, or of its value in a column `by`, so that records which may be asked
for together lie together; removing records moves no other record. Each network trains on its shard alone,
with its own preprocessing, and the answer is the mean of their logits.

With R slices each shard is trained in R stages: stage r starts from the weights after stage r - 1, with an
optimiser, a schedule and preprocessing of its own, and reads slices 1 to r. Its epochs are whole numbers
near e = 2 e' / (R + 1), where e' are the recipe's, so that all stages together make e' passes:
Σ_r e_r r / R ≈ e' (`sharding_plan.stage_epochs`). The weights after each stage but the last are kept.
Removing records means to train each touched shard again from the stage before the first slice that held
one of them. That gives, bit for bit, the sharded model trained without them, kept weights too, because a
stage depends on its slices alone.

It costs accuracy: each network sees 1/S of the data. And it gains nothing where the records to remove lie
in all shards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from disgorge_core import sharding_plan
from disgorge_core.errors import BadForgetSet, BadParam
from disgorge_core.params import param, values_of
from disgorge_core.registry import REGIMES
from disgorge_core.training import Burden, recipe_of, regime_of
from disgorge_core.training.blueprint import blueprint
from disgorge_core.training.by_column import shard_draws, why_no_column
from disgorge_core.training.order import SHARD, salt
from disgorge_core.training.results import Stack, stack_of
from disgorge_core.training.staged import (
    Staged,
    Stages,
    State,
    from_start,
    packed,
    train_stages,
    unpacked,
)
from disgorge_core.training.task import Job, job_of, labels_of
from disgorge_core.types import Array, Dataset, Model, Recipe, Report, silent


@REGIMES.register
@dataclass(frozen=True)
class Sharded:
    """Train one network for each shard of the records, so that a removal touches few of them."""

    shards: int = param(5, help="Networks, each trained on its own part", min=1, max=1000)
    seed: int = param(0, help="Which records share a shard", min=0, max=2**31)
    slices: int = param(
        1, help="Stages of each shard's training, its weights kept after each", min=1, max=100
    )
    by: str = param(
        "", label="Kept together by", column=True, optional=True,
        help="Records with the same value here share a shard and a slice; none: each by its id",
    )  # fmt: skip

    name = "sharded"
    title = "Shards"
    order = 10
    tasks = ("classification", "regression")
    promise = (
        "One network for each part of the records, and the mean of their answers. A removal retrains only "
        "the parts that saw the records."
    )
    method = "sisa"

    def why_not(self, data: Dataset, architecture: str) -> str | None:
        """Needs records for every shard, and a value for each record in the column that it is cut by."""
        rows = data.rows("train")
        if len(rows) < self.shards:
            return f"There are {len(rows):,} training records for {self.shards:,} shards: take fewer shards."
        reason = why_no_column(data, self.by) if self.by else None
        if reason:
            return reason
        empty = self.shards - len(np.unique(shard_of(data, self)[rows]))
        if empty:
            return f"{empty:,} of {self.shards:,} shards would have no record: take fewer shards."
        return None

    def burden(self, data: Dataset, records: int, recipe: Recipe) -> Burden:
        """As many passes as one network on everything; all networks of all stages are kept, S are asked.

        Raises BadParam where there are too few epochs for the slices.
        """
        passes = sharding_plan.training_passes(records, recipe.epochs, self.slices)
        kept = sharding_plan.storage(self.shards, self.slices)
        return Burden(passes, kept, sharding_plan.inference(self.shards))

    def parts(self, model: Model, data: Dataset) -> Array:
        """The records of each shard."""
        return np.asarray(shard_of(data, self)[None] == np.arange(len(model.members))[:, None])

    def train(self, job: Job, workers: int | None, report: Report) -> Stack:
        """All shards of all models of the job."""
        spread = _spread(job, self, range(self.shards))
        plan = from_start(_so_far(spread, self), self.epochs(job.recipe))
        parts = train_stages(spread, plan, workers, report)
        own = [parts[k * self.shards : (k + 1) * self.shards] for k in range(len(job))]
        return stack_of(
            [_joined(some, seed, self) for some, seed in zip(own, job.seeds, strict=True)]
        )

    def epochs(self, recipe: Recipe) -> tuple[int, ...]:
        """Epochs of each stage (R,); raises BadParam where there are too few."""
        return sharding_plan.stage_epochs(recipe.epochs, self.slices)


def shard_of(data: Dataset, regime: Sharded) -> Array:
    """Shard numbers (n,) of all records; they depend on the ids, or on the values of a column, only."""
    return (shard_draws(data, regime.by, regime.seed) % np.uint64(regime.shards)).astype(np.int64)


def slice_of(data: Dataset, regime: Sharded) -> Array:
    """Slice numbers (n,) of all records within their shards."""
    rest = shard_draws(data, regime.by, regime.seed) // np.uint64(regime.shards)
    return (rest % np.uint64(regime.slices)).astype(np.int64)


def restarts(model: Model, data: Dataset, gone: Array) -> dict[int, int]:
    """For each shard that saw one of the records gone (n,): the stage to train again from.

    That is the first slice that held one; an earlier one where the weights before it are not kept.
    """
    regime = _regime(model)
    shard, part = shard_of(data, regime), slice_of(data, regime)
    found = {}
    for s in np.unique(shard[gone]).tolist():
        stages = unpacked(_prefix(s), model.artefacts)
        first = int(part[gone & (shard == s)].min())
        found[s] = max((a + 1 for a in stages if a < first), default=0)
    return found


def removal_passes(model: Model, data: Dataset, keep: Array, begin: Mapping[int, int]) -> float:
    """Record-passes of training shards again from these stages on the records of keep (n,)."""
    regime = _regime(model)
    shard, part = shard_of(data, regime), slice_of(data, regime)
    epochs = regime.epochs(recipe_of(model, None))
    total = 0
    for s, first in begin.items():
        counts = np.cumsum(np.bincount(part[keep & (shard == s)], minlength=regime.slices))
        total += sum(e * int(n) for e, n in list(zip(epochs, counts, strict=True))[first:])
    return float(total)


def refit_shards(
    model: Model,
    data: Dataset,
    keep: Array,
    begin: Mapping[int, int],
    *,
    workers: int | None = None,
    report: Report = silent,
) -> Model:
    """Train shards again, each from the stage that `begin` names, on keep (n,).

    With `restarts` it is bitwise the sharded model fitted without the records, what is kept of it too.
    Raises BadForgetSet for a shard that would be empty.
    """
    regime = _regime(model)
    recipe = recipe_of(model, None)
    job = job_of(data, blueprint(model, data), recipe, keep, [recipe.seed])
    wanted = sorted(int(shard) for shard in begin)
    fresh = _again(job, regime, model, {s: begin[s] for s in wanted}, workers, report)
    members, artefacts = list(model.members), dict(model.artefacts)
    for shard, part in zip(wanted, fresh, strict=True):
        members[shard] = part.model.members[0]
        old = packed(_prefix(shard), unpacked(_prefix(shard), artefacts))
        artefacts = {name: value for name, value in artefacts.items() if name not in old}
        artefacts |= packed(_prefix(shard), part.states)
    seen = set(model.seen or ()) & set(np.asarray(job.data.ids, dtype=str)[job.keep[0]].tolist())
    cost = sum(part.model.lineage.cost for part in fresh)
    lineage = replace(model.lineage, cost=cost, parents=(*model.lineage.parents, model.digest))
    return replace(
        model,
        members=tuple(members),
        artefacts=artefacts,
        seen=tuple(sorted(seen)),
        lineage=lineage,
    )


def _again(
    job: Job,
    regime: Sharded,
    model: Model,
    begin: Mapping[int, int],
    workers: int | None,
    report: Report,
) -> list[Staged]:
    if not begin:
        return []
    spread = _spread(job, regime, list(begin))
    kept: tuple[Mapping[int, State], ...] = tuple(
        unpacked(_prefix(s), model.artefacts) for s in begin
    )
    stages = tuple(begin.values())
    plan = Stages(_so_far(spread, regime), regime.epochs(job.recipe), stages, kept)
    return train_stages(spread, plan, workers, report)


def _regime(model: Model) -> Sharded:
    regime = regime_of(model)
    if not isinstance(regime, Sharded):
        raise BadParam("This model was not trained in shards.", "Retrain it as a whole.")
    return regime


def _spread(job: Job, regime: Sharded, shards: Sequence[int]) -> Job:
    """The job of all wanted shards of all its models; raises BadForgetSet for an empty shard."""
    shard = shard_of(job.data, regime)
    pairs = [(k, s) for k in range(len(job)) for s in shards]
    keep = np.stack([job.keep[k] & (shard == s) for k, s in pairs])
    for (_, s), mask in zip(pairs, keep, strict=True):
        if not mask.any():
            raise BadForgetSet(
                f"Shard {s + 1} of {regime.shards} would have no record left.",
                "Remove fewer records, or train with fewer shards.",
            )
    names = labels_of("shard", regime.shards)
    return replace(
        job,
        keep=keep,
        seeds=tuple(shard_seed(job.seeds[k], s) for k, s in pairs),
        starts=tuple(_start(job.starts[k], s) for k, s in pairs),
        labels=tuple(", ".join(filter(None, (job.labels[k], names[s]))) for k, s in pairs),
    )


def _so_far(spread: Job, regime: Sharded) -> Array:
    """Bool (R, parts, n): the records of each stage of each part."""
    stages = np.arange(regime.slices)[:, None]
    return np.asarray(spread.keep & (slice_of(spread.data, regime) <= stages)[:, None])


def shard_seed(seed: int, shard: int) -> int:
    """The seed of one shard's network."""
    return int(salt(seed, shard, SHARD) >> np.uint64(33))


def _start(start: Model | None, shard: int) -> Model | None:
    if start is None or len(start.members) == 1:
        return start
    return replace(start, members=(start.members[shard],))


def _prefix(shard: int) -> str:
    return f"shards/{shard}"


def _joined(parts: Sequence[Staged], seed: int, regime: Sharded) -> Model:
    first, models = parts[0].model, [part.model for part in parts]
    assert first.recipe is not None
    seen = {name for model in models for name in model.seen or ()}
    known = all(model.seen is not None for model in models)
    states = [packed(_prefix(s), part.states) for s, part in enumerate(parts)]
    return replace(
        first,
        members=tuple(model.members[0] for model in models),
        recipe=replace(first.recipe, seed=seed),
        regime=regime.name,
        regime_settings=values_of(regime),
        artefacts={name: value for state in states for name, value in state.items()},
        seen=tuple(sorted(seen)) if known else None,
        lineage=replace(first.lineage, cost=sum(model.lineage.cost for model in models)),
    )
