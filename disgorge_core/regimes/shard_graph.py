"""A shard graph (SAFE): each node's head learns from its own shard and from those that it points to.

The records lie in S shards by a hash of their id, or of their value in a column, so that removing records
moves no other record. Node i points to the next d shards on a ring and its head learns from
    U_i = shard i ∪ shard i+1 ∪ ... ∪ shard i+d (mod S), and the safe records, if a filter names some.
Heads stand on layers that no record shaped, as adapters do, and the answer is Σ_i π_i(x) h_i(x), where π_i
counts how near a record lies to those of U_i (rule `nearest_heads`). A removal trains each node again that
saw a touched shard, and drops nodes whose own shard is empty. Of K records of N to go, with e epochs and no
safe records, one expects
    (N - K) (d + 1) e (1 - (1 - (d + 1) / S)^K)
record-passes, against N (d + 1) e of the whole training: a request for one record costs (d + 1)² times what
it costs without edges. d = 0 is one adapter for each shard, d = S - 1 the complete graph, where everything
is trained again.
Source: Dukler et al., SAFE (ICCV 2023, arXiv 2304.13169), whose graphs are cliques, isolated nodes, and one
safe shard that all see; linear heads stand for its cross-attention adapters.
In a clique all nodes learn from the same records, and equal heads on equal records would be equal, so the
graph here is a ring: the same number of shards a node, and no two nodes alike.
Fails when: requests touch shards all around the ring, or drawn layers are too weak for the task.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from disgorge_core.data.query import select
from disgorge_core.errors import BadParam, BadQuery
from disgorge_core.params import param
from disgorge_core.registry import REGIMES
from disgorge_core.training import Burden
from disgorge_core.training.by_column import shard_draws, why_no_column
from disgorge_core.training.heads import fit_heads, members_of
from disgorge_core.training.results import Stack
from disgorge_core.training.task import Job
from disgorge_core.types import Array, Dataset, Model, Recipe, Report

SAFE = -1  # in place of a shard number: seen by all nodes


@REGIMES.register
@dataclass(frozen=True)
class ShardGraph:
    """Train a head for each shard on its records and on those of some other shards."""

    shards: int = param(10, help="Nodes, each with a shard and a head of its own", min=1, max=200)
    degree: int = param(
        1, help="Other shards that each node learns from: more of them answer better and cost more",
        min=0, max=199,
    )  # fmt: skip
    by: str = param(
        "", label="Kept together by", column=True, optional=True,
        help="Records with the same value here share a shard; none: each by its id",
    )  # fmt: skip
    safe: str = param(
        "", label="Safe records",
        help="A filter for records that all nodes learn from, as they are not expected to go: "
        "licence == 'CC0'",
    )  # fmt: skip
    seed: int = param(0, help="Which records share a shard", min=0, max=2**31)

    name = "shard_graph"
    title = "Shard graph"
    order = 12
    tasks = ("classification", "regression")
    promise = (
        "A head for each shard, which learns from some other shards too, on layers that none of the records "
        "shaped. A removal retrains only the heads that saw a touched shard."
    )
    method = "safe"
    ignores = ("trainable",)  # it is the heads that learn

    def why_not(self, data: Dataset, architecture: str) -> str | None:
        """Needs a record for each shard, and more shards than each node sees."""
        if reason := self._why_unusable(data):
            return reason
        sizes = self._sizes(data, data.split == 0)
        if empty := int((sizes == 0).sum()):
            return f"{empty:,} of {self.shards:,} shards would have no record: take fewer shards."
        return None

    def _why_unusable(self, data: Dataset) -> str | None:
        """Why no node could be trained; empty shards alone are no reason, as they have no node."""
        rows = data.rows("train")
        if len(rows) < self.shards:
            return f"There are {len(rows):,} training records for {self.shards:,} shards: take fewer shards."
        if self.degree >= self.shards:
            return (
                f"A node cannot learn from {self.degree:,} other shards of {self.shards:,}: lower the "
                "degree, or take more shards."
            )
        reason = why_no_column(data, self.by) if self.by else None
        if reason:
            return reason
        try:
            left = ~self.is_safe(data)[rows]
        except BadQuery as error:
            return f"{error.problem} {error.remedy}".strip()
        return None if left.any() else "All training records are safe by this filter: change it."

    def burden(self, data: Dataset, records: int, recipe: Recipe) -> Burden:
        """Each record once an epoch through each node that sees it; all heads are kept.

        An answer asks all of them at once where all read alike, as with pictures.
        """
        safe = float(self.is_safe(data)[data.rows("train")].mean())
        seen = (1 - safe) * (self.degree + 1) + safe * self.shards
        asked = 1 if data.kind == "image" else self.shards
        return Burden(recipe.epochs * records * seen, self.shards, asked)

    def is_safe(self, data: Dataset) -> Array:
        """Bool (n,): which records all nodes see; raises BadQuery for a filter that cannot be read."""
        return select(data, self.safe) if self.safe.strip() else np.zeros(len(data), dtype=bool)

    def shard_of(self, data: Dataset) -> Array:
        """Shard numbers (n,), by the record alone; -1 for safe records."""
        shard = (shard_draws(data, self.by, self.seed) % np.uint64(self.shards)).astype(np.int64)
        return np.where(self.is_safe(data), SAFE, shard)

    def sees(self, node: int) -> list[int]:
        """The shards that a node learns from, its own first."""
        return [(node + step) % self.shards for step in range(self.degree + 1)]

    def records(self, data: Dataset, keep: Array) -> dict[str, Array]:
        """What keep (n,) leaves for each node to learn from; a node without a shard is gone."""
        shard, sizes = self.shard_of(data), self._sizes(data, keep)
        return {
            f"node {i + 1}": keep & np.isin(shard, [SAFE, *self.sees(i)])
            for i in range(self.shards)
            if sizes[i]
        }

    def _sizes(self, data: Dataset, keep: Array) -> Array:
        shard = self.shard_of(data)
        return np.bincount(shard[keep & (shard != SAFE)], minlength=self.shards)

    def parts(self, model: Model, data: Dataset) -> Array:
        """The records of each node."""
        return members_of(model, self.records(data, np.ones(len(data), dtype=bool)))

    def train(self, job: Job, workers: int | None, report: Report) -> Stack:
        """All nodes of all models of the job."""
        if reason := self._why_unusable(job.data):
            raise BadParam("The records make no shard graph.", reason)
        return fit_heads(job, self, workers, report)


def expected_share(shards: int, degree: int, records: int, requests: int) -> float:
    """Expected record-passes after a request for so many records, as a share of the whole training."""
    spared = 1 - (degree + 1) / shards
    return (1 - requests / max(1, records)) * (1 - spared**requests)
