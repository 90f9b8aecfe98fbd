"""The perturbed regime: a convex fit whose objective is tilted by a secret random vector.

One class against the rest, each minimising Σ log(1 + exp(-t w·x)) + λ n/2 ‖w‖² + b·w with ‖x‖ ≤ 1 and
b ~ N(0, σ² I) drawn from the seed (Guo et al., arXiv 1911.03030, section 3). A removal leaves a gradient
residual u at the new weights; they are then the optimum of an objective with b - u in place of b, and b hides
the difference: while ‖u‖ ≤ σ ε / √(2 ln(1.5/δ)), no observer of the weights has odds changed by more than
e^ε, except with probability δ. (The Gaussian tail behind 1.5 holds up to ε = 2 ln 3, so ε ends at 2.) b is
one Gaussian vector over all classes, so the residuals of the classes count together, as √(Σ_k β_k²): the
bound covers the whole model, not each class by itself.
What it costs is accuracy: λ and σ hold the fit back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from disgorge_core import compute
from disgorge_core.params import param, values_of
from disgorge_core.registry import REGIMES
from disgorge_core.training import STEPS, Burden, Job, Stack, convex, logistic
from disgorge_core.training.order import PERTURB, salt
from disgorge_core.training.results import stack_of
from disgorge_core.types import Array, Dataset, Model, Progress, Recipe, Report

PASSES = 20.0  # of a usual fit: some ten Newton steps, each a gradient and a curvature
PROBED = 256  # records whose removal is priced at training
B, SPENT, TYPICAL, REMOVED = (
    "perturbed_b",
    "perturbed_spent",
    "perturbed_typical",
    "perturbed_removed",
)


@REGIMES.register
@dataclass(frozen=True)
class Perturbed:
    """Fit a linear model with a secret tilt that hides what removals leave behind."""

    l2: float = param(
        0.01, label="L2 (λ)", help="More holds the fit back and lets more records be removed", min=1e-8,
        max=100,
    )  # fmt: skip
    sigma: float = param(
        1.0, label="Tilt (σ)", help="Spread of the secret vector: more costs accuracy, allows more removals",
        min=1e-6, max=1e6,
    )  # fmt: skip
    epsilon: float = param(
        1.0, label="ε", help="What a removal may change of an observer's odds: at most the factor e^ε",
        min=1e-3, max=2.0,
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

    name = "perturbed"
    title = "Perturbed objective"
    order = 36
    tasks = ("classification",)
    promise = (
        "A linear model, fitted with a secret random tilt. Removals take one step each, under a bound "
        "(ε, δ), until a budget is spent."
    )
    method = "certified_newton"
    ignores = STEPS

    def why_not(self, data: Dataset, architecture: str) -> str | None:
        """Needs a linear model and a reading that is fixed in advance, or said to be fitted."""
        return convex.why_not_convex(data, architecture, self.reading)

    def burden(self, data: Dataset, records: int, recipe: Recipe) -> Burden:
        """Some Newton steps; the tilt is kept with the weights."""
        return Burden(PASSES * records, 2.0)

    def parts(self, model: Model, data: Dataset) -> Array:
        """All records for every network."""
        return np.ones((len(model.members), len(data)), dtype=bool)

    def train(self, job: Job, workers: int | None, report: Report) -> Stack:
        """One after the other: each is some matrix solves."""
        models = []
        for k, draft in enumerate(convex.drafts(job, self.reading, self.l2, self.intercept)):
            report(Progress(k / len(job), job.labels[k] or "solving"))
            rows = np.flatnonzero(job.keep[k])
            with compute.threads(job.recipe.threads):
                models.append(self._fitted(draft, job.data, rows, job.seeds[k]))
        return stack_of(models)

    @property
    def budget(self) -> float:
        """The residual that b hides: σ ε / √(2 ln(1.5/δ))."""
        return self.sigma * self.epsilon / math.sqrt(2 * math.log(1.5 / self.delta))

    def _fitted(self, draft: Model, data: Dataset, rows: Array, seed: int) -> Model:
        x, t = self.sides(draft, data, rows)
        b = self._tilt(len(t), x.shape[1], seed)
        found = [logistic.optimum(x, t[k], self.l2, b[k]) for k in range(len(t))]
        w = np.stack([own for own, _ in found])
        length = logistic.length_of(x)
        some = np.unique(np.linspace(0, len(x) - 1, PROBED).astype(int))
        probes = [
            logistic.bounds_of_one(x, t[k], w[k], self.l2, length, some) for k in range(len(t))
        ]
        kept = {
            B: b,
            SPENT: residuals(x, t, w, self.l2, b),  # what the solver itself left over
            TYPICAL: np.mean(probes, axis=1),
            REMOVED: np.zeros(1, dtype=np.int64),
        }
        passes = float(len(x) * 2 * max(steps for _, steps in found))
        model = convex.with_weights(draft, logistic.as_logits(w, len(draft.classes)))
        return replace(
            model, regime=self.name, regime_settings=values_of(self), artefacts=kept,
            lineage=replace(model.lineage, cost=passes),
        )  # fmt: skip

    def sides(self, model: Model, data: Dataset, rows: Array) -> tuple[Array, Array]:
        """What the last layer reads of these rows (n, d), and their targets (K, n) of ±1."""
        x = convex.design(model.members[0], data.take(rows))
        return x, logistic.signs(data.y[rows], len(model.classes))

    def _tilt(self, classes: int, width: int, seed: int) -> Array:
        draw = np.random.default_rng(int(salt(seed, PERTURB)))
        return self.sigma * draw.normal(size=(classes, width))


def residuals(x: Array, t: Array, w: Array, l2: float, b: Array) -> Array:
    """‖∇L‖ (K,) of each class at its weights, the tilt included: what the bounds must cover."""
    return np.array(
        [np.linalg.norm(logistic.gradient(x, t[k], w[k], l2, b[k])) for k in range(len(w))]
    )


@dataclass(frozen=True)
class Budget:
    """What a perturbed model has spent of what its tilt hides, and how many removals that makes."""

    total: float
    spent: float
    each: tuple[float, ...]  # spent by each class's weights; together √(Σ²)
    removed: int
    supports: int  # more records, if each costs what a typical one did at training

    @property
    def left(self) -> float:
        """What is not spent yet."""
        return max(0.0, self.total - self.spent)


def budget_of(model: Model) -> Budget | None:
    """The budget of a perturbed model; None for others."""
    if model.regime != Perturbed.name or SPENT not in model.artefacts:
        return None
    total = Perturbed(**model.regime_settings).budget
    spent, typical = model.artefacts[SPENT], model.artefacts[TYPICAL]
    removed = int(model.artefacts[REMOVED][0])
    more = supported(spent, typical, total)
    return Budget(total, together(spent), tuple(map(float, spent)), removed, more)


def together(spent: Array) -> float:
    """The residual of all classes as one vector."""
    return float(np.linalg.norm(spent))


def supported(spent: Array, each: Array, total: float) -> int:
    """The most m with ‖spent + m each‖ ≤ total."""
    a, h, c = float(each @ each), float(spent @ each), float(spent @ spent) - total**2
    if c > 0:
        return 0
    return math.floor((math.sqrt(h * h - a * c) - h) / a) if a > 0 else 0
