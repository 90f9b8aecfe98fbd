"""Private votes (PATE: Papernot et al. 2017, arXiv 1610.05755; GNMax: the same 2018, arXiv 1802.08908).

Teachers are trained on disjoint shards of the records. For each of M public inputs they vote, Gaussian
noise N(0, σ²) is added to the count of each class, and the class that then leads is its label. A student
learns from the public inputs and these labels alone, and it is all that is kept. A record lies in one
shard, so it changes one vote: one count falls by one and another rises by one, a length of √2. So a query
is ε(α) = α/σ² in Rényi differential privacy whatever the votes are (Papernot et al. 2018, Proposition 8), M
of them M α/σ², and for a δ ε = min_α Mα/σ² + log(1/δ)/(α - 1) = M/σ² + 2 √(M log(1/δ))/σ. Second
accountant: M queries are one Gaussian with μ = √(2M)/σ, whose ε is exact (`privacy.accountant`). The public
inputs, their labels left out, are taken as public: what they tell is not covered. Inputs are read as
teachers fit them to their own shard, and as the student fits them to the public inputs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from disgorge_core.data.query import select
from disgorge_core.errors import BadParam, DisgorgeError
from disgorge_core.models.prediction import member_logits
from disgorge_core.params import param, values_of
from disgorge_core.privacy import accountant
from disgorge_core.privacy.bound import Bound, artefacts_of, delta_for, foreseen
from disgorge_core.privacy.steps import NOISE
from disgorge_core.regimes.dp_sgd import refuse_start
from disgorge_core.regimes.sharded import Sharded
from disgorge_core.registry import REGIMES
from disgorge_core.training import Burden, Job, Stack
from disgorge_core.training.alone import train_one
from disgorge_core.training.order import by_key, salt
from disgorge_core.training.results import models_of, stack_of
from disgorge_core.training.task import tasks_for
from disgorge_core.types import SPLITS, Array, Dataset, Model, Progress, Recipe, Report

STUDENT = 0.05  # of the bar


@REGIMES.register
@dataclass(frozen=True)
class Pate:
    """Train teachers apart, and a student on their noisy votes about public inputs."""

    teachers: int = param(
        50, help="Networks that vote, each trained on its own part", min=2, max=1000
    )
    epsilon: float = param(
        3.0, label="ε", help="Limit for one record: odds change by at most e^ε", min=0.01, max=100
    )
    queries: int = param(50, help="Public inputs that are voted on, at most", min=1, max=1_000_000)
    public: str = param(
        "split == 'validation'", label="Public inputs",
        help="Filter for records outside the training split whose inputs are taken as public",
    )  # fmt: skip
    delta: float = param(
        0.0,
        help="Chance that the limit fails; 0 stands for a tenth of 1/n",
        min=0,
        max=0.1,
        advanced=True,
    )
    seed: int = param(0, help="Which records share a teacher", min=0, max=2**31, advanced=True)

    name = "pate"
    title = "Private votes (PATE)"
    order = 32
    tasks = ("classification",)
    promise = (
        "A student learns from noisy votes of teachers on disjoint parts, about inputs that are public. A "
        "removal of few records then needs no action."
    )
    method = "pate"

    def why_not(self, data: Dataset, architecture: str) -> str | None:
        """Needs records for every teacher, public inputs, and a δ that says something."""
        try:
            self._checked(data)
        except DisgorgeError as found:
            return str(found)
        return None

    def burden(self, data: Dataset, records: int, recipe: Recipe) -> Burden:
        """Teachers together take as long as one network on everything; the student comes on top."""
        queries = min(self.queries, int(self._public(data).sum()))
        return Burden(float(recipe.epochs * (records + queries)))

    def foreseen(self, data: Dataset, recipe: Recipe) -> Bound:
        """By ε."""
        return foreseen(self.epsilon, len(data.rows("train")), self.delta)

    def parts(self, model: Model, data: Dataset) -> Array:
        """The student saw votes of teachers of all records."""
        return np.ones((len(model.members), len(data)), dtype=bool)

    def train(self, job: Job, workers: int | None, report: Report) -> Stack:
        """All teachers of all models, then the students one by one."""
        refuse_start(job)
        delta = self._checked(job.data)
        share = Sharded(self.teachers, self.seed)
        taught = share.train(
            job, workers, lambda p: report(replace(p, share=p.share * (1 - STUDENT)))
        )
        students = [
            self._student(job, k, teachers, delta) for k, teachers in enumerate(taught.models)
        ]
        report(Progress(1.0, "student"))
        return stack_of(students)

    def _student(self, job: Job, k: int, teachers: Model, delta: float) -> Model:
        rows = self._asked(job.data)
        sigma, mu = self.noise(len(rows), delta)
        labels = noisy_votes(
            votes(teachers, job.data.take(rows), len(job.data.classes)), sigma, job.seeds[k]
        )
        y = np.array(job.data.y)
        y[rows] = labels
        own = replace(
            job, data=replace(job.data, y=y), keep=np.isin(np.arange(len(y)), rows)[None],
            seeds=job.seeds[k : k + 1], starts=(None,), labels=job.labels[k : k + 1],
        )  # fmt: skip
        inputs, (task,) = tasks_for(own)
        train_one(task, inputs, job.recipe, lambda _: None)
        model = models_of(own, [task])[0]
        n = len(job.data.rows("train"))
        bound = Bound(
            accountant.renyi_of_gaussians(mu, delta), delta, accountant.gaussian_epsilon(mu, delta),
            sigma, 1.0, len(rows), n,
        )  # fmt: skip
        lineage = replace(model.lineage, cost=model.lineage.cost + teachers.lineage.cost)
        return replace(
            model, regime=self.name, regime_settings=values_of(self), seen=teachers.seen, lineage=lineage,
            artefacts=artefacts_of(bound, model),
        )  # fmt: skip

    def noise(self, queries: int, delta: float) -> tuple[float, float]:
        """σ of a vote's noise for which all queries together stay within ε, and their μ."""
        most = math.sqrt(2 * math.log(1 / delta))
        mu = math.sqrt(most**2 + 2 * self.epsilon) - most  # μ²/2 + most μ = ε
        return math.sqrt(2 * queries) / mu, mu

    def _asked(self, data: Dataset) -> Array:
        """The public rows that are voted on, the same whatever their order in the file."""
        return by_key(data.keys, np.flatnonzero(self._public(data)))[: self.queries]

    def _public(self, data: Dataset) -> Array:
        return select(data, self.public) & (data.split != SPLITS.index("train"))

    def _checked(self, data: Dataset) -> float:
        count = len(data.rows("train"))
        if count < self.teachers:
            raise BadParam(
                f"There are {count:,} training records for {self.teachers:,} teachers.",
                "Take fewer teachers.",
            )
        if not self._public(data).any():
            raise BadParam(
                f"No record outside the training split is public by the filter {self.public!r}.",
                "Name some, for example split == 'validation'.",
            )
        return delta_for(count, self.delta)


def votes(teachers: Model, x: object, classes: int) -> Array:
    """How many teachers say each class: (m, classes)."""
    said = np.stack([member_logits(member, x).argmax(1) for member in teachers.members])
    return np.asarray((said[:, :, None] == np.arange(classes)).sum(0))


def noisy_votes(counts: Array, sigma: float, seed: int) -> Array:
    """The class (m,) that leads each row of counts (m, classes) plus N(0, σ²)."""
    draw = np.random.default_rng(int(salt(seed, NOISE)))
    return np.asarray((counts + draw.normal(0, sigma, counts.shape)).argmax(1))
