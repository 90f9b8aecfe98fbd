"""A head of its own for each source, on layers that no record ever shaped (adapters à la carte).

The layers before the last are the same for all sources: a fixed backbone, or drawn from the seed and left
so. Each source s trains its own head h_s on its records alone, and keeps the class means of what entered it;
the answer is Σ_s π_s(x) h_s(x) over the sources that are left, where π_s counts how near a record lies to
those of s (rule `nearest_heads`). A source goes by dropping its head and its means, records of a source by
making these again.
Pictures are read by constants, (pixel / 255 - 0.5) / 0.25, so that what the fixed layers give for a record
is worked out once for all sources, and an answer costs one pass. How tables and texts are read (ranges,
categories, words) is fitted to each source, so there every source is asked for itself.
Source: Bowman et al. (arXiv 2302.07994), with nearness to class means in place of learnt attention.
Fails when: what one needs to know lies between sources; drawn layers are weaker than learnt ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from disgorge_core.errors import BadParam
from disgorge_core.params import param
from disgorge_core.registry import REGIMES
from disgorge_core.training import Burden
from disgorge_core.training.by_column import sources_of, why_no_sources
from disgorge_core.training.heads import fit_heads, members_of
from disgorge_core.training.results import Stack
from disgorge_core.training.task import Job
from disgorge_core.types import Array, Dataset, Model, Recipe, Report

MOST = 200  # sources


@REGIMES.register
@dataclass(frozen=True)
class Adapters:
    """Train one head for each source on layers that the data never shaped."""

    source: str = param("", label="Source column", column=True, help="Who the records come from")
    blank: bool = param(
        False, label="Empty is a source",
        help="Records without a value form one more source, instead of being refused",
    )  # fmt: skip

    name = "adapters"
    title = "Adapters by source"
    order = 20
    tasks = ("classification", "regression")
    promise = (
        "One head for each source on layers that none of the records shaped. A source goes by dropping its "
        "head; nothing is trained for that."
    )
    method = "adapters"
    ignores = ("trainable",)  # it is the heads that learn

    def why_not(self, data: Dataset, architecture: str) -> str | None:
        """Needs a column of sources, and not too many of them."""
        return why_no_sources(data, self.source, MOST, blank=self.blank)

    def burden(self, data: Dataset, records: int, recipe: Recipe) -> Burden:
        """Every record once an epoch, through its own source's head; all heads are kept.

        An answer asks all of them at once where all read alike, as with pictures.
        """
        count = len(self.records(data, data.split == 0))
        return Burden(float(recipe.epochs * records), count, 1 if data.kind == "image" else count)

    def records(self, data: Dataset, keep: Array) -> dict[str, Array]:
        """The records that keep (n,) leaves of each source."""
        sources = sources_of(data, self.source, blank=self.blank)
        return {name: keep & (sources == name) for name in np.unique(sources[keep]).tolist()}

    def parts(self, model: Model, data: Dataset) -> Array:
        """The records of each source that the model has a head for."""
        return members_of(model, self.records(data, np.ones(len(data), dtype=bool)))

    def train(self, job: Job, workers: int | None, report: Report) -> Stack:
        """All heads of all models of the job."""
        if reason := self.why_not(job.data, ""):
            raise BadParam("The records have no usable sources.", reason)
        return fit_heads(job, self, workers, report)
