"""The noisy regime: a convex fit by descent, whose weights are published with noise and kept without.

Softmax regression with L2 λ on records of length at most 1, descended from 0 until it is within α of its
optimum by the contraction of `training.descent`, then W = state + N(0, σ² I). After Neel, Roth and
Sharifi-Malvajerdi (arXiv 2007.02923), with their weaker notion that lets the holder keep a state: the state
without noise stays in the model's folder, the guarantee is for what is published. Two runs on the same
records end within 2α of each other wherever they began, so that σ = noise(2α, ε, δ) hides where a
model comes from. What it costs: λ holds the fit back, and noise blurs it, the less the smaller α.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from disgorge_core import compute
from disgorge_core.params import param, values_of
from disgorge_core.registry import REGIMES
from disgorge_core.training import STEPS, Burden, Job, Stack, convex, descent
from disgorge_core.training.order import PERTURB, salt
from disgorge_core.training.results import stack_of
from disgorge_core.types import Array, Dataset, Model, Progress, Recipe, Report

STATE, WITHIN = "published_state", "published_within"  # and how far from the optimum at most


@REGIMES.register
@dataclass(frozen=True)
class PublishedNoisy:
    """Descend to the optimum, and publish with noise."""

    l2: float = param(
        0.01,
        label="L2 (λ)",
        help="More holds the fit back and needs fewer steps",
        min=1e-5,
        max=100,
    )
    distance: float = param(
        1e-3, label="Distance (α)", help="How near to the optimum descent ends: nearer means less noise",
        min=1e-9, max=10,
    )  # fmt: skip
    epsilon: float = param(
        1.0, label="ε", help="What a removal may change of an observer's odds: at most the factor e^ε",
        min=1e-3, max=50,
    )  # fmt: skip
    delta: float = param(
        1e-4, label="δ", help="Probability with which that factor may be passed", min=1e-12, max=0.1
    )
    reading: str = param(
        "fixed", help="Scaling fixed in advance, or fitted to the data, which ends the certificate",
        choices=(convex.FIXED, convex.FITTED),
    )  # fmt: skip
    intercept: bool = param(
        True, help="One more weight for all records alike, for classes of unequal size"
    )

    name = "published_noisy"
    title = "Noise at publication"
    order = 38
    tasks = ("classification",)
    promise = (
        "A linear model, descended to near its optimum and published with noise. Removals take some more "
        "steps and new noise, under a bound (ε, δ), as often as asked."
    )
    method = "descent_to_delete"
    ignores = STEPS

    def why_not(self, data: Dataset, architecture: str) -> str | None:
        """Needs a linear model and a reading that is fixed in advance, or said to be fitted."""
        return convex.why_not_convex(data, architecture, self.reading)

    def burden(self, data: Dataset, records: int, recipe: Recipe) -> Burden:
        """A pass for each step; the state is kept beside the weights."""
        return Burden(float(self.steps * records), 2.0)

    def parts(self, model: Model, data: Dataset) -> Array:
        """All records for every network."""
        return np.ones((len(model.members), len(data)), dtype=bool)

    def train(self, job: Job, workers: int | None, report: Report) -> Stack:
        """One after the other, each from 0."""
        models = []
        for k, draft in enumerate(convex.drafts(job, self.reading, self.l2, self.intercept)):
            report(Progress(k / len(job), job.labels[k] or "descending"))
            rows = np.flatnonzero(job.keep[k])
            with compute.threads(job.recipe.threads):
                x, target = seen(draft, job.data, rows)
                start = np.zeros((target.shape[1], x.shape[1]))
                state = descent.descend(x, target, start, self.l2, self.bowl, self.steps)
            passes = float(self.steps * len(rows))
            models.append(self.published(draft, state, job.seeds[k], passes, self.distance))
        return stack_of(models)

    @property
    def bowl(self) -> descent.Bowl:
        """The curvature that any records of length 1 give."""
        return descent.of_unit_records(self.l2)

    @property
    def steps(self) -> int:
        """Steps from 0 to within α of the optimum."""
        return self.bowl.steps(descent.reach(self.l2), self.distance)

    def steps_without(self, gone: int, before: int) -> int:
        """Steps from within α of the old optimum to within α of the new one, κ^I (α + shift) ≤ α."""
        moved = self.distance + descent.shift(gone, before, self.l2)
        return self.bowl.steps(moved, self.distance)

    @property
    def sigma(self) -> float:
        """Noise that hides two states within 2α of each other."""
        return descent.noise(2 * self.distance, self.epsilon, self.delta)

    def published(
        self, model: Model, state: Array, seed: int, passes: float, within: float
    ) -> Model:
        """The model of this state: its weights with noise drawn from the seed, the state kept."""
        draw = np.random.default_rng(int(salt(seed, PERTURB)))
        weights = state + self.sigma * draw.normal(size=state.shape)
        return replace(
            convex.with_weights(model, weights), regime=self.name, regime_settings=values_of(self),
            artefacts={STATE: state, WITHIN: np.array([within])},
            lineage=replace(model.lineage, cost=passes),
        )  # fmt: skip


def seen(model: Model, data: Dataset, rows: Array) -> tuple[Array, Array]:
    """What the last layer reads of these rows (n, d), and their classes (n, c) one-hot."""
    x = convex.design(model.members[0], data.take(rows))
    return x, np.eye(len(model.classes))[data.y[rows]]
