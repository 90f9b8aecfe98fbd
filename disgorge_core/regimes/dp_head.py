"""A private head: the exact optimum of a convex fit, plus noise (output perturbation: Chaudhuri, Monteleoni
and Sarwate 2011, JMLR 12, Algorithm 1).

Softmax regression on records of length at most 1 (`training.convex`: an intercept is the weight of one more
input), behind inputs that are read in advance, or privately (`privacy.reading`), or behind a fixed
backbone: F(W) = Σ ℓ(W; x, y) + λ n/2 ‖W‖², where n, the number of training records of the dataset, is known
to all. A record's gradient (p - e_y) xᵀ is no longer than √2, and F is λn-strongly convex, so adding or
removing one record moves the optimum by at most Δ = √2 / (λ n); the solver's gradient, at most τ, adds 2τ /
(λ n). (Chaudhuri et al. have 2 / (λ n) for two classes and a record that is replaced by another.) Gaussian:
W + N(0, (Δ/μ)² I) with the μ of `privacy.accountant` for (ε, δ), less what reading spent, as μ² adds up.
Pure: W + b with density ∝ exp(-ε ‖b‖ / Δ), δ = 0: a uniform direction, and a length drawn from Gamma(d,
Δ/ε) for d weights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch

from disgorge_core import compute
from disgorge_core.errors import BadParam, DisgorgeError, Diverged
from disgorge_core.params import param, values_of
from disgorge_core.privacy.bound import Bound, artefacts_of, delta_for, foreseen
from disgorge_core.privacy.once import one_release
from disgorge_core.privacy.reading import Reading, reading
from disgorge_core.privacy.steps import NOISE
from disgorge_core.regimes.dp_sgd import refuse_start, single
from disgorge_core.registry import REGIMES
from disgorge_core.training import STEPS, Burden, Job, Stack, convex
from disgorge_core.training.order import by_key, salt
from disgorge_core.training.results import stack_of
from disgorge_core.types import Array, Dataset, Model, Progress, Recipe, Report

PASSES = 100.0  # of the solver, at the usual L2
ROUNDS = 3000
SETTLED = 1e-3  # τ: length of the gradient of the sum at what the solver returns
GAUSSIAN, PURE = "gaussian", "pure"


@REGIMES.register
@dataclass(frozen=True)
class DpHead:
    """Solve a linear head exactly and add noise, within a privacy bound."""

    epsilon: float = param(
        3.0, label="ε", help="Limit for one record: odds change by at most e^ε", min=0.01, max=100
    )
    l2: float = param(
        0.01, label="L2 (λ)", help="More holds the fit back and needs less noise", min=1e-8, max=100
    )
    intercept: bool = param(
        True,
        help="Classes of unlike size need one; with it the noise weighs twice as much",
    )
    kind: str = param(
        GAUSSIAN, label="Noise", help="Gaussian for (ε, δ); pure for δ = 0, which needs far more of it",
        choices=(GAUSSIAN, PURE),
    )  # fmt: skip
    delta: float = param(
        0.0,
        help="Chance that the limit fails; 0 stands for a tenth of 1/n",
        min=0,
        max=0.1,
        advanced=True,
    )
    reading: float = param(
        10.0, label="Noise of reading", min=0, max=1e6, advanced=True,
        help="Noise of the counts by which ranges and categories of a table are read, in multiples of what "
        "one record changes; 0 reads them exactly, which the limit then does not cover",
    )  # fmt: skip

    name = "dp_head"
    title = "Private head"
    order = 34
    tasks = ("classification",)
    promise = (
        "A linear model, solved exactly, with noise on its weights. A removal of few records then needs no "
        "action; the price is accuracy."
    )
    method = "dp_head"
    ignores = STEPS

    def why_not(self, data: Dataset, architecture: str) -> str | None:
        """Needs one linear layer, and a δ that says something."""
        try:
            self._check(data)
        except DisgorgeError as found:
            return str(found)
        return convex.why_not_convex(data, architecture, convex.FITTED)

    def burden(self, data: Dataset, records: int, recipe: Recipe) -> Burden:
        """A hundred passes or so of the solver."""
        return Burden(PASSES * records)

    def foreseen(self, data: Dataset, recipe: Recipe) -> Bound:
        """By ε, and δ = 0 where noise is pure."""
        found = foreseen(self.epsilon, len(data.rows("train")), self.delta)
        return replace(found, delta=0.0) if self.kind == PURE else found

    def parts(self, model: Model, data: Dataset) -> Array:
        """All records for the one network."""
        return np.ones((len(model.members), len(data)), dtype=bool)

    def train(self, job: Job, workers: int | None, report: Report) -> Stack:
        """One after the other: each is one convex fit."""
        refuse_start(job)
        self._check(job.data)
        models = []
        for k in range(len(job)):
            report(Progress(k / len(job), job.labels[k] or "solving"))
            models.append(self._model(job, k))
        report(Progress(1.0, "solved"))
        return stack_of(models)

    def _check(self, data: Dataset) -> float:
        """δ for this dataset; raises BadParam."""
        if self.kind == PURE and data.kind == "table" and self.reading:
            raise BadParam(
                "The ranges of a table are read with a δ, so a limit without one cannot be had.",
                "Choose Gaussian noise, or 0 for the noise of reading.",
            )
        return delta_for(len(data.rows("train")), self.delta)

    def _model(self, job: Job, k: int) -> Model:
        n, delta = len(job.data.rows("train")), self._check(job.data)
        read = reading(job, k, self.reading, delta)
        (draft,) = convex.drafts(single(job, k, read), convex.FITTED, self.l2, self.intercept)
        rows = by_key(job.data.keys, np.flatnonzero(job.keep[k]))
        x = convex.design(draft.members[0], job.data.take(rows))
        with compute.threads(job.recipe.threads):
            w, rounds = optimum(x, job.data.y[rows], len(draft.classes), self.l2 * n)
        noise, bound = self._noise(w.shape, n, delta, read, job.seeds[k])
        model = convex.with_weights(draft, w + noise)
        return replace(
            model, regime=self.name, regime_settings=values_of(self), artefacts=artefacts_of(bound, model),
            lineage=replace(model.lineage, cost=float(rounds * len(rows))),
        )  # fmt: skip

    def _noise(
        self, shape: tuple[int, ...], n: int, delta: float, read: Reading, seed: int
    ) -> tuple[Array, Bound]:
        draw, far = np.random.default_rng(int(salt(seed, NOISE))), sensitivity(self.l2 * n)
        if self.kind == PURE:
            scale = far / self.epsilon
            bound = Bound(self.epsilon, 0.0, self.epsilon, scale, 1.0, 1, n, float(read.covered))
            return pure(draw, shape, scale), bound
        bound = one_release(self.epsilon, delta, n, read)
        return draw.normal(0, far * bound.noise, shape), bound


def sensitivity(strength: float) -> float:
    """How far one record moves what the solver returns, at most: (√2 + 2τ) / (λ n)."""
    return (math.sqrt(2) + 2 * SETTLED) / strength


def pure(draw: np.random.Generator, shape: tuple[int, ...], scale: float) -> Array:
    """A vector with density ∝ exp(-‖b‖ / scale)."""
    direction = draw.normal(size=shape)
    length = draw.gamma(float(np.prod(shape)), scale)
    return np.asarray(direction * (length / np.linalg.norm(direction)))


def optimum(x: Array, y: Array, classes: int, strength: float) -> tuple[Array, int]:
    """Minimiser (classes, d) of Σ ℓ + strength/2 ‖W‖² to a gradient of at most τ, and gradients that it took.

    Raises Diverged where the solver does not get there.
    """
    z, t = torch.from_numpy(np.ascontiguousarray(x)), torch.from_numpy(y.astype(np.int64))
    w = torch.zeros(classes, x.shape[1], dtype=torch.float64, requires_grad=True)
    solver = torch.optim.LBFGS(
        [w], max_iter=ROUNDS, tolerance_grad=1e-12, tolerance_change=0.0, history_size=30,
        line_search_fn="strong_wolfe",
    )  # fmt: skip
    count = 0

    def objective() -> torch.Tensor:
        nonlocal count
        count += 1
        solver.zero_grad()
        fit = torch.nn.functional.cross_entropy(z @ w.T, t, reduction="sum")
        loss = (fit + strength / 2 * w.square().sum()) / max(1, len(x))
        loss.backward()
        return loss

    solver.step(objective)
    objective()
    assert w.grad is not None
    if not float(w.grad.norm()) * len(x) <= SETTLED:
        raise Diverged("The convex fit did not settle.", "Raise the L2 term of the private head.")
    return w.detach().numpy(), count
