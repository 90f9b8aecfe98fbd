"""Train on a few made-up records for each source and class, and never on the records themselves.

Each source is condensed from its own records alone (`emulation.centres`, drawn from this regime's seed, the
source's and the class's name), so that a source goes by dropping its made-up records and training again
on the others, which takes seconds. A made-up record stands for at least two; a record that is the only one
of its source and class teaches nothing.
Not a privacy guarantee: what is condensed can carry traces of the records it stands for (Carlini, Feldman and
Nasr, arXiv 2209.14987).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np

from disgorge_core.emulation import standing_in
from disgorge_core.emulation.centres import centres_of
from disgorge_core.emulation.encoded import space_of
from disgorge_core.emulation.standing_in import Made, artefacts_of
from disgorge_core.errors import BadForgetSet, BadParam
from disgorge_core.params import param, values_of
from disgorge_core.registry import REGIMES
from disgorge_core.training import Burden
from disgorge_core.training.by_column import sources_of, why_no_sources
from disgorge_core.training.order import by_key
from disgorge_core.training.results import Stack, stack_of
from disgorge_core.training.task import Job
from disgorge_core.types import Array, Dataset, Model, Progress, Recipe, Report

MOST = 500  # sources
LOOK = 1 / 3  # of a record-pass: a record is looked at once, nothing is sent back


@REGIMES.register
@dataclass(frozen=True)
class Condensed:
    """Train on made-up records that stand for those of each source and class."""

    source: str = param("", label="Source column", column=True, help="Who the records come from")
    each: int = param(
        10,
        label="Made-up records",
        help="Made-up records for each source and class",
        min=1,
        max=1000,
    )
    epochs: int = param(
        10, label="Times the epochs", help="Passes over the few made-up records, as a multiple of the "
        "recipe's epochs", min=1, max=1000,
    )  # fmt: skip
    seed: int = param(0, help="Draws of condensing", min=0, max=2**31)

    name = "condensed"
    title = "Condensed by source"
    order = 50
    tasks = ("classification",)
    promise = (
        "Trains on a few made-up records for each source and class, never on the records themselves. A "
        "source goes by dropping its made-up records. No privacy guarantee; costs accuracy."
    )
    method = "condense"

    def why_not(self, data: Dataset, architecture: str) -> str | None:
        """Needs pictures or a table, and a column of sources."""
        if data.kind == "text":
            return "Texts have no mean that would be a text: use adapters by source."
        return why_no_sources(data, self.source, MOST)

    def burden(self, data: Dataset, records: int, recipe: Recipe) -> Burden:
        """A look at each record, and the epochs over what was made up."""
        sources = sources_of(data, self.source)
        rows = data.rows("train")
        sizes = np.unique(
            np.stack([sources[rows], data.y[rows].astype(str)]), axis=1, return_counts=True
        )[1]
        made = float(np.minimum(sizes // 2, self.each).sum())
        return Burden(LOOK * records + made * self.epochs * recipe.epochs)

    def parts(self, model: Model, data: Dataset) -> Array:
        """All records."""
        return np.ones((len(model.members), len(data)), dtype=bool)

    def train(self, job: Job, workers: int | None, report: Report) -> Stack:
        """Condense what each model may see, and train each on that."""
        if job.plan.stated is not None and job.plan.stated.backbone is not None:
            raise BadParam(
                "Records behind a Hugging Face backbone are not condensed.",
                "Use adapters by source.",
            )
        found: dict[bytes, Made] = {}
        models = []
        for k in range(len(job)):
            report(Progress(k / len(job), "condensing and training"))
            models.append(train_on(job, k, self, self.made(job, k, found), workers))
        return stack_of(models)

    def made(self, job: Job, k: int, known: dict[bytes, Made]) -> dict[str, Made]:
        """Made-up records of each source of model k; `known` remembers those of equal records."""
        sources = sources_of(job.data, self.source)
        made = {}
        for name in np.unique(sources[job.keep[k]]).tolist():
            rows = by_key(job.data.keys, np.flatnonzero(job.keep[k] & (sources == name)))
            if rows.tobytes() not in known:
                known[rows.tobytes()] = condense_source(job.data, rows, name, self)
            made[name] = known[rows.tobytes()]
        return {name: own for name, own in made.items() if len(own)}


def condense_source(data: Dataset, rows: Array, name: str, regime: Condensed) -> Made:
    """Made-up records of one source, from its rows alone, class after class."""
    space = space_of(data.kind, data.take(rows))
    x, y = space.encode(data.take(rows)), data.y[rows]
    classes = np.unique(y).tolist()
    parts = [
        centres_of(x[y == c], regime.each, _generator(regime.seed, name, data.classes[c]))
        for c in classes
    ]
    counts = [len(part) for part in parts]
    return Made(space.decode(np.concatenate(parts)), np.repeat(np.array(classes), counts))


def _generator(seed: int, source: str, label: str) -> np.random.Generator:
    return np.random.default_rng([seed, crc32(source.encode()), crc32(label.encode())])


def train_on(
    job: Job, k: int, regime: Condensed, made: Mapping[str, Made], workers: int | None
) -> Model:
    """Model k of the job, trained on made-up records only."""
    if not made:
        raise BadForgetSet(
            "No source has two records of one class to condense.",
            "Remove fewer records, or take larger sources.",
        )
    recipe = replace(job.recipe, epochs=job.recipe.epochs * regime.epochs)
    looked = LOOK * float(job.keep[k].sum())
    return replace(
        standing_in.train_on(job, k, made, recipe, workers, looked),
        regime=regime.name,
        regime_settings=values_of(regime),
        artefacts=artefacts_of(made),
    )
