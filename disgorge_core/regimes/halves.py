"""Two networks on two disjoint halves: each record is unknown to one of them.

The answer is the mean of both until records have to go; then only what both allow is said
(`models.rules.near_access_free`, CP-Δ of Vyas, Kakade and Barak, arXiv 2302.10870). `by` keeps records of
one owner in one half, so that a whole owner is unknown to one network.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from disgorge_core.params import param, values_of
from disgorge_core.regimes.sharded import Sharded, shard_of
from disgorge_core.registry import REGIMES
from disgorge_core.training import Burden
from disgorge_core.training.results import Stack, stack_of
from disgorge_core.training.task import Job
from disgorge_core.types import Array, Dataset, Model, Recipe, Report


@REGIMES.register
@dataclass(frozen=True)
class Halves:
    """Train two networks on disjoint halves."""

    by: str = param(
        "", label="Kept together by", column=True, optional=True,
        help="Records with the same value here lie in the same half; none: each by its id",
    )  # fmt: skip
    seed: int = param(0, help="Which records share a half", min=0, max=2**31)

    name = "halves"
    title = "Two halves"
    order = 60
    tasks = ("classification",)
    promise = (
        "Two networks, each on half of the records. Later answers can be limited to what both allow, so "
        "that no record is answered by a network that saw it alone; the weights stay as they are."
    )
    method = "naf"

    @property
    def sharded(self) -> Sharded:
        """The same split as a regime of two shards."""
        return Sharded(shards=2, seed=self.seed, by=self.by)

    def why_not(self, data: Dataset, architecture: str) -> str | None:
        """Needs records in both halves."""
        return self.sharded.why_not(data, architecture)

    def burden(self, data: Dataset, records: int, recipe: Recipe) -> Burden:
        """As many passes as one network on everything; both are kept and asked."""
        return Burden(float(recipe.epochs * records), 2, 2)

    def parts(self, model: Model, data: Dataset) -> Array:
        """The records of each half."""
        return np.asarray(shard_of(data, self.sharded)[None] == np.arange(2)[:, None])

    def train(self, job: Job, workers: int | None, report: Report) -> Stack:
        """Both halves of all models of the job."""
        found = self.sharded.train(job, workers, report)
        mine = {"regime": self.name, "regime_settings": values_of(self), "artefacts": {}}
        return stack_of([replace(model, **mine) for model in found.models])  # type: ignore[arg-type]
