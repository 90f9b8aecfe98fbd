"""A head of its own for each source, on layers that no record ever shaped (adapters à la carte).

The layers before the last are the same for all sources: a fixed backbone, or drawn from the seed and left
so. Each source s trains its own head h_s on its records alone, with its own preprocessing; the answer is
Σ n_s h_s(x) / Σ n_s over the sources that are left. A source goes by dropping its head, records of a source
by training that head again.
Source: Bowman et al. (arXiv 2302.07994), with a weighted mean of logits in place of attention.
Fails when: what one needs to know lies between sources; drawn layers are weaker than learnt ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from disgorge_core.errors import BadParam
from disgorge_core.models.backbones.whole import WHOLE
from disgorge_core.params import param, values_of
from disgorge_core.registry import REGIMES
from disgorge_core.training import Burden
from disgorge_core.training.alone import train_each
from disgorge_core.training.by_column import sources_of, why_no_sources
from disgorge_core.training.results import Ids, Stack, models_of, stack_of
from disgorge_core.training.task import Job, tasks_for
from disgorge_core.types import Array, Dataset, Model, Recipe, Report

MOST = 200  # sources


@REGIMES.register
@dataclass(frozen=True)
class Adapters:
    """Train one head for each source on layers that the data never shaped."""

    source: str = param("", label="Source column", column=True, help="Who the records come from")

    name = "adapters"
    title = "Adapters by source"
    order = 20
    tasks = ("classification", "regression")
    promise = (
        "One head for each source on layers that none of the records shaped. A source goes by dropping its "
        "head; nothing is trained for that."
    )
    method = "adapters"

    def why_not(self, data: Dataset, architecture: str) -> str | None:
        """Needs a column of sources, and not too many of them."""
        return why_no_sources(data, self.source, MOST)

    def burden(self, data: Dataset, records: int, recipe: Recipe) -> Burden:
        """Every record once an epoch, through its own source's head; all heads are kept and asked."""
        count = len(np.unique(sources_of(data, self.source)[data.rows("train")]))
        return Burden(float(recipe.epochs * records), count, count)

    def parts(self, model: Model, data: Dataset) -> Array:
        """The records of each source that the model has a head for."""
        sources = sources_of(data, self.source)
        return np.asarray(sources[None] == model.artefacts["sources"][:, None])

    def train(self, job: Job, workers: int | None, report: Report) -> Stack:
        """All heads of all models of the job."""
        if reason := self.why_not(job.data, ""):
            raise BadParam("The records have no usable sources.", reason)
        sources = sources_of(job.data, self.source)
        own = [np.unique(sources[keep]).tolist() for keep in job.keep]
        pairs = [(k, name) for k, names in enumerate(own) for name in names]
        heads = iter(trained_heads(job, sources, pairs, workers, report))
        return stack_of(
            [joined(job, k, self, {n: next(heads) for n in own[k]}) for k in range(len(job))]
        )


def trained_heads(
    job: Job,
    sources: Array,
    pairs: Sequence[tuple[int, str]],
    workers: int | None,
    report: Report,
) -> list[Model]:
    """A model of one head for each (model of the job, source)."""
    if not pairs:
        return []
    stated = job.plan.stated
    behind = stated is not None and stated.backbone is not None and stated.kind != WHOLE
    spread = replace(
        job,
        plan=job.plan
        if stated
        else replace(job.plan, given=None),  # else layers come from the seed
        recipe=job.recipe if behind else replace(job.recipe, trainable="head"),
        keep=np.stack([job.keep[k] & (sources == name) for k, name in pairs]),
        seeds=tuple(job.seeds[k] for k, _ in pairs),
        starts=tuple(job.starts[k] for k, _ in pairs),
        labels=tuple(", ".join(filter(None, (job.labels[k], name))) for k, name in pairs),
    )
    inputs, tasks = tasks_for(spread)
    train_each(tasks, inputs, spread.recipe, workers, report)
    return models_of(spread, tasks)


def joined(job: Job, k: int, regime: Adapters, heads: dict[str, Model]) -> Model:
    """One model from the heads of its sources, in the order of their names."""
    names = sorted(heads)
    first = heads[names[0]]
    sources = sources_of(job.data, regime.source)
    counts = [int((job.keep[k] & (sources == name)).sum()) for name in names]
    return replace(
        first,
        members=tuple(heads[name].members[0] for name in names),
        rule="weighted",
        regime=regime.name,
        regime_settings=values_of(regime),
        artefacts={"sources": np.array(names), "member_weight": np.array(counts, dtype=np.float64)},
        seen=Ids(job.data).seen(job.keep[k], job.starts[k]),
        lineage=replace(first.lineage, cost=sum(heads[name].lineage.cost for name in names)),
    )
