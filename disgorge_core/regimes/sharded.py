"""The sharded regime (SISA: Bourtoule et al. 2021, "Machine Unlearning"): one network for each shard.

A record's shard is a hash of its id, so removing records moves no other record; each network trains on
its shard alone, with its own preprocessing, and the answer is the mean of their logits. Removing records
means to train the touched shards again. That gives, bit for bit, the sharded model trained without them,
because each shard is trained as if it were the only one. It costs accuracy: each network sees 1/S of the
data. And it gains nothing where the records to remove lie in all shards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from disgorge_core.errors import BadForgetSet, BadParam
from disgorge_core.params import param, values_of
from disgorge_core.registry import REGIMES
from disgorge_core.training import Burden, recipe_of, regime_of
from disgorge_core.training.alone import train_each
from disgorge_core.training.blueprint import blueprint
from disgorge_core.training.order import SHARD, drawn, salt
from disgorge_core.training.results import Stack, models_of, stack_of
from disgorge_core.training.task import Job, job_of, labels_of, tasks_for
from disgorge_core.types import Array, Dataset, Model, Recipe, Report, silent


@REGIMES.register
@dataclass(frozen=True)
class Sharded:
    """Train one network for each shard of the records, so that a removal touches few of them."""

    shards: int = param(5, help="Networks, each trained on its own part", min=2, max=1000)
    seed: int = param(0, help="Which records share a shard", min=0, max=2**31)

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
        """Needs records for every shard."""
        count = len(data.rows("train"))
        if count >= self.shards:
            return None
        return (
            f"There are {count:,} training records for {self.shards:,} shards: take fewer shards."
        )

    def burden(self, data: Dataset, records: int, recipe: Recipe) -> Burden:
        """As many passes as one network on everything; all networks are kept and asked."""
        return Burden(float(recipe.epochs * records), self.shards, self.shards)

    def parts(self, data: Dataset, members: int) -> Array:
        """The records of each shard."""
        return np.asarray(shard_of(data, self)[None] == np.arange(members)[:, None])

    def train(self, job: Job, workers: int | None, report: Report) -> Stack:
        """All shards of all models of the job."""
        parts = _trained(_spread(job, self, range(self.shards)), workers, report)
        own = [parts[k * self.shards : (k + 1) * self.shards] for k in range(len(job))]
        return stack_of(
            [_joined(some, seed, self) for some, seed in zip(own, job.seeds, strict=True)]
        )


def shard_of(data: Dataset, regime: Sharded) -> Array:
    """Shard numbers (n,) of all records; they depend on the ids only."""
    return (drawn(data.keys, regime.seed, SHARD) % np.uint64(regime.shards)).astype(np.int64)


def refit_shards(
    model: Model,
    data: Dataset,
    keep: Array,
    touched: Sequence[int],
    *,
    workers: int | None = None,
    report: Report = silent,
) -> Model:
    """Train only the touched shards again, on keep (n,): bitwise the sharded model fitted without F."""
    regime = regime_of(model)
    if not isinstance(regime, Sharded):
        raise BadParam("This model was not trained in shards.", "Retrain it as a whole.")
    recipe = recipe_of(model, None)
    job = job_of(data, blueprint(model, data), recipe, keep, [recipe.seed])
    wanted = sorted({int(shard) for shard in touched})
    fresh = _trained(_spread(job, regime, wanted), workers, report) if wanted else []
    members = list(model.members)
    for shard, part in zip(wanted, fresh, strict=True):
        members[shard] = part.members[0]
    seen = set(model.seen or ()) & set(np.asarray(job.data.ids, dtype=str)[job.keep[0]].tolist())
    cost = sum(part.lineage.cost for part in fresh)
    lineage = replace(model.lineage, cost=cost, parents=(*model.lineage.parents, model.digest))
    return replace(model, members=tuple(members), seen=tuple(sorted(seen)), lineage=lineage)


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


def shard_seed(seed: int, shard: int) -> int:
    """The seed of one shard's network."""
    return int(salt(seed, shard, SHARD) >> np.uint64(33))


def _start(start: Model | None, shard: int) -> Model | None:
    if start is None or len(start.members) == 1:
        return start
    return replace(start, members=(start.members[shard],))


def _trained(job: Job, workers: int | None, report: Report) -> list[Model]:
    inputs, tasks = tasks_for(job)
    train_each(tasks, inputs, job.recipe, workers, report)
    return models_of(job, tasks)


def _joined(parts: Sequence[Model], seed: int, regime: Sharded) -> Model:
    first = parts[0]
    assert first.recipe is not None
    seen = {name for part in parts for name in part.seen or ()}
    known = all(part.seen is not None for part in parts)
    return replace(
        first,
        members=tuple(part.members[0] for part in parts),
        recipe=replace(first.recipe, seed=seed),
        regime=regime.name,
        regime_settings=values_of(regime),
        seen=tuple(sorted(seen)) if known else None,
        lineage=replace(first.lineage, cost=sum(part.lineage.cost for part in parts)),
    )
