"""Train on records that were drawn from a distribution, and never on the records themselves.

The distribution is fitted class by class. Pictures: a Gaussian of their lowest frequencies
(`emulation.frequencies`, the same for all records). Tables of numbers: a Gaussian; a missing number counts
as the mean. Tables with categories: the counts of each column alone (`emulation.marginals`). Whatever else is
fitted, such as how inputs are read, is fitted to drawn records. A class of one record is left out: a mean of
one record would be that record.

Private: the fit is one release with Gaussian noise (`emulation.gaussian`, `emulation.marginals`), after which
any number of records may be drawn (Dwork and Roth 2014, Proposition 2.1). Records are clipped to a length
that is stated in advance: a multiple of √d for d pixels from -1 to 1, or for d numbers in the deviations that
`privacy.reading` reads off noisy counts. Classes share one covariance then, which needs less noise. The
number of training records of the dataset, its classes, its columns, and which of them are (whole) numbers,
are taken as known to all.

Without privacy it is no privacy guarantee: what is drawn can carry traces of the records (Stadler, Oprisanu
and Troncoso, arXiv 2011.07018).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from disgorge_core.data import preprocessing
from disgorge_core.emulation import standing_in
from disgorge_core.emulation.drawing import Drawing
from disgorge_core.emulation.standing_in import Made
from disgorge_core.errors import BadForgetSet, BadParam, DisgorgeError
from disgorge_core.params import param, values_of
from disgorge_core.privacy import reading
from disgorge_core.privacy.bound import Bound, artefacts_of, delta_for, foreseen
from disgorge_core.privacy.once import one_release
from disgorge_core.privacy.reading import SHARE_OF_DELTA, Reading
from disgorge_core.privacy.steps import NOISE
from disgorge_core.regimes.dp_sgd import refuse_start
from disgorge_core.registry import REGIMES
from disgorge_core.training import Burden, Job, Stack
from disgorge_core.training.order import by_key, salt
from disgorge_core.training.results import stack_of
from disgorge_core.types import Array, Dataset, Model, Progress, Recipe, Report

DRAWN = 104  # what a number is drawn for; those of training.order are small
LOOK = 1 / 3  # of a record-pass: a record is looked at once, nothing is sent back
SOURCE = "drawn"


@REGIMES.register
@dataclass(frozen=True)
class Synthesized:
    """Train on records drawn from a distribution that was fitted to each class, privately or not."""

    private: bool = param(False, help="Fit the distribution within a privacy limit")
    epsilon: float = param(
        3.0, label="ε", min=0.01, max=100,
        help="Limit for one record where it is private: odds change by at most e^ε",
    )  # fmt: skip
    times: float = param(
        1.0,
        label="Records drawn",
        help="As a multiple of the training records",
        min=0.1,
        max=100,
    )
    detail: int = param(
        64, help="Numbers that describe a picture; more need more records, and more noise", min=1,
        max=512,
    )  # fmt: skip
    clip: float = param(
        1.0, min=0.01, max=100, advanced=True,
        help="Longest record where it is private, as a multiple of √d: of pixels from -1 to 1, or of numbers "
        "in deviations",
    )  # fmt: skip
    delta: float = param(
        0.0,
        help="Chance that the limit fails; 0 stands for a tenth of 1/n",
        min=0,
        max=0.1,
        advanced=True,
    )
    reading: float = param(
        10.0, label="Noise of reading", min=0.1, max=1e6, advanced=True,
        help="Noise of the counts by which ranges and categories of a table are read, in multiples of what "
        "one record changes",
    )  # fmt: skip

    name = "synthesized"
    title = "Made-up records"
    order = 52
    tasks = ("classification",)
    promise = (
        "Trains on records drawn from a distribution of each class, never on the records themselves. "
        "Within a privacy limit only if that is fitted privately; costs accuracy."
    )
    method = "synthesize"

    def why_not(self, data: Dataset, architecture: str) -> str | None:
        """Needs pictures or a table, and where it is private a δ that says something."""
        if data.kind == "text":
            return "No texts are drawn: use private training (DP-SGD), or adapters by source."
        try:
            delta_for(len(data.rows("train")), self.delta if self.private else 0.0)
        except DisgorgeError as found:
            return str(found)
        return None

    def burden(self, data: Dataset, records: int, recipe: Recipe) -> Burden:
        """A look at each record, and the epochs over what was drawn."""
        return Burden(records * (LOOK + self.times * recipe.epochs))

    def foreseen(self, data: Dataset, recipe: Recipe) -> Bound | None:
        """By ε, where it is private."""
        n = len(data.rows("train"))
        return foreseen(self.epsilon, n, self.delta) if self.private else None

    def parts(self, model: Model, data: Dataset) -> Array:
        """All records."""
        return np.ones((len(model.members), len(data)), dtype=bool)

    def train(self, job: Job, workers: int | None, report: Report) -> Stack:
        """Fit, draw and train, one model after the other."""
        reason = self.why_not(job.data, "")
        if reason or (job.plan.stated is not None and job.plan.stated.backbone is not None):
            raise BadParam(
                reason or "Records behind a Hugging Face backbone are not drawn.",
                "" if reason else "Use a private head, or adapters by source.",
            )
        if self.private:
            refuse_start(job)
        models = []
        for k in range(len(job)):
            report(Progress(k / len(job), "drawing records and training"))
            models.append(self._model(job, k, workers))
        return stack_of(models)

    def _model(self, job: Job, k: int, workers: int | None) -> Model:
        made, bound = self.drawn(job, k)
        if not len(made):
            raise BadForgetSet(
                "No class has two records to draw others from"
                + (", or noise hides them." if self.private else "."),
                "Remove fewer records, or raise ε." if self.private else "Remove fewer records.",
            )
        looked = LOOK * float(job.keep[k].sum())
        model = standing_in.train_on(job, k, {SOURCE: made}, job.recipe, workers, looked)
        return replace(
            model,
            regime=self.name,
            regime_settings=values_of(self),
            artefacts=artefacts_of(bound, model) if bound else {},
        )

    def drawn(self, job: Job, k: int) -> tuple[Made, Bound | None]:
        """The records that model k is trained on, and the bound within which they were made."""
        data, seed = job.data, job.seeds[k]
        rows = by_key(data.keys, np.flatnonzero(job.keep[k]))
        read, bound = self._read(job, k, rows), None
        if self.private:
            n = len(data.rows("train"))
            bound = one_release(self.epsilon, delta_for(n, self.delta), n, read)
        how = Drawing(
            len(data.classes), _chance(seed, DRAWN), _chance(seed, NOISE), bound.noise if bound else 0.0,
            self.times, self.detail, self.clip,
        )  # fmt: skip
        x, y = data.take(rows), data.y[rows]
        if read.preprocessing is None:
            return how.pictures(x, y), bound
        return how.table(x, y, read.preprocessing), bound

    def _read(self, job: Job, k: int, rows: Array) -> Reading:
        """The units of a table's numbers, and its categories: by noisy counts where it is private."""
        if job.data.kind == "image":
            return Reading(None)
        x = job.data.take(rows)
        if not self.private:
            columns = preprocessing.columns_of(x, job.plan.columns)
            return Reading(
                preprocessing.fit_encoded(preprocessing.encode_table(x, columns), columns)
            )
        part = delta_for(len(job.data.rows("train")), self.delta) / SHARE_OF_DELTA
        found = reading.table(x, job.plan.columns, self.reading, part, job.seeds[k])
        return Reading(found, ((self.reading, 1.0, 1),), part)


def _chance(seed: int, purpose: int) -> np.random.Generator:
    return np.random.default_rng(int(salt(seed, purpose)))
