"""The mixed-privacy regime: a core network from core records, linear user weights from all others.

The core w is trained as usual on the records that a filter calls core. Everybody else's records only shape u
in f(x; w) + J(x) u, the first-order expansion in the last layers, with squared error and L2:
min_u 1/(2n) Σ ‖J_i u - r_i‖² + λ/2 ‖u‖², r_i = target - f(x_i; w). After Golatkar et al. (arXiv 2012.13431)
and Achille et al. (LQF, arXiv 2012.11140). The target of a classifier is `height` for the true class, less
the mean over the classes, against logits less theirs. The quadratic is solved by conjugate gradients
(Hestenes and Stiefel 1952) from u = 0, so the same records give the same bits, whatever was removed before.
User records that are all of a kind would pull every answer their way, so core records hold theirs: they come
in with r_i = 0 (`anchor`; added here). Without user records the right-hand side, and so u, is 0 all the same.
It costs accuracy where the user records ask for features that the core does not have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
import torch
from torch import Tensor

from disgorge_core import compute
from disgorge_core.data.query import select
from disgorge_core.errors import BadForgetSet, BadParam, BadQuery
from disgorge_core.models.expansion import BATCH, Expansion
from disgorge_core.models.rules.linearized import LAYERS, USER
from disgorge_core.params import param, values_of
from disgorge_core.registry import REGIMES
from disgorge_core.training import Burden, Job, Stack, train_job
from disgorge_core.training.order import by_key
from disgorge_core.training.results import Ids, stack_of
from disgorge_core.types import Array, Dataset, Model, Progress, Recipe, Report

ITERATIONS = (100.0, 600.0)  # of a usual solve: of the head alone, of more layers
MOST_STEPS, TOLERANCE = 1000, 1e-7  # of the solve: steps, and its rest against the right-hand side
MOST_WEIGHTS = 2_000_000
NO_CORE = "Say which records are core by a filter, such as source == 'public'."


@REGIMES.register
@dataclass(frozen=True)
class MixedPrivacy:
    """Train a core on core records, and linear weights on everybody else's."""

    core: str = param(
        "", label="Core records", help="A filter for the records that stay: source == 'public'"
    )
    layers: int = param(
        1,
        label="Layers moved",
        help="Last layers with weights that user records move, to first order; 1 is the head",
        min=1,
        max=50,
    )
    l2: float = param(
        1e-3, label="L2 of the user weights", help="Weight of ½‖u‖² beside the mean squared error",
        min=1e-8, max=100,
    )  # fmt: skip
    anchor: bool = param(
        True,
        label="Core holds its answers",
        help="Core records keep the answers that the core gives them, while users pull theirs",
    )
    height: float = param(
        5.0,
        help="How far user records pull the logit of their class",
        min=0.1,
        max=100,
        advanced=True,
    )

    name = "linearized"
    title = "Core and linear user part"
    order = 40
    tasks = ("classification", "regression")
    promise = (
        "A core network from records that stay, and linear weights from all others. These are solved again "
        "without the removed records, or set to 0 when all of them go."
    )
    method = "linearized"

    def why_not(self, data: Dataset, architecture: str) -> str | None:
        """Needs core records, and others."""
        if not self.core.strip():
            return NO_CORE
        try:
            core = self.is_core(data)[data.rows("train")]
        except BadQuery as error:
            return f"{error.problem} {error.remedy}".strip()
        if not core.any():
            return "No training record is core by this filter: change it."
        if core.all():
            return (
                "All training records are core by this filter, so there is no user part: change it."
            )
        return None

    def burden(self, data: Dataset, records: int, recipe: Recipe) -> Burden:
        """The core's epochs, and a pass for each step of the solve; u is kept and asked."""
        rows = data.rows("train")
        share = float(self.is_core(data)[rows].mean()) if self.core.strip() and len(rows) else 1.0
        solving = records if self.anchor else (1 - share) * records
        passes = recipe.epochs * share * records + self.iterations * solving
        return Burden(passes, 2.0, 2.0)

    def parts(self, model: Model, data: Dataset) -> Array:
        """All records for the one network with its user part."""
        return np.ones((len(model.members), len(data)), dtype=bool)

    @property
    def iterations(self) -> float:
        """Steps that a solve usually takes."""
        return ITERATIONS[self.layers > 1]

    def is_core(self, data: Dataset) -> Array:
        """Bool (n,): which records are core; raises BadQuery for a filter that cannot be read."""
        return select(data, self.core)

    def train(self, job: Job, workers: int | None, report: Report) -> Stack:
        """The cores as any networks, then a solve for each."""
        if reason := self.why_not(job.data, ""):
            raise BadParam("The records are not split into core and others.", reason)
        core = self.is_core(job.data)
        _check_cores(job.keep & core, job.labels)
        cores = train_job(replace(job, keep=job.keep & core), workers, report)
        models, names = [], Ids(job.data)
        for k, model in enumerate(cores.models):
            report(Progress(k / len(job), job.labels[k] or "solving the user part"))
            with compute.threads(job.recipe.threads):
                model = self.solved(model, job.data, job.keep[k], core)
            models.append(replace(model, seen=names.seen(job.keep[k], job.starts[k])))
        return stack_of(models)

    def solved(self, model: Model, data: Dataset, keep: Array, core: Array) -> Model:
        """The model with the user weights of the records in keep (n,), its core as it is, its cost grown."""
        if model.layers is None:
            raise BadParam(
                "This network cannot be expanded layer by layer.",
                "Choose an architecture of the list.",
            )
        expansion = Expansion(model.members[0], self.layers)
        if expansion.size > MOST_WEIGHTS:
            raise BadParam(
                f"The last {self.layers} layers have {expansion.size:,} weights, more than {MOST_WEIGHTS:,}.",
                "Let fewer layers be moved.",
            )
        rows = by_key(data.keys, np.flatnonzero(keep & (~core | self.anchor)))
        if not (keep & ~core).any():
            rows = rows[:0]
        user, steps = self._user(expansion, data, rows, core)
        kept = {USER: user, LAYERS: np.array([self.layers], dtype=np.int64)}
        cost = model.lineage.cost + float(len(rows) * (steps + 1))
        return replace(
            model, rule="linearized", regime=self.name, regime_settings=values_of(self),
            artefacts=kept, lineage=replace(model.lineage, cost=cost),
        )  # fmt: skip

    def _user(
        self, expansion: Expansion, data: Dataset, rows: Array, core: Array
    ) -> tuple[Array, int]:
        if not len(rows):
            return np.zeros(expansion.size), 0
        inputs = expansion.read(data.take(rows))
        parts = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
        rests = [
            self._rest(expansion, z, data, part, core)
            for z, part in zip(inputs, parts, strict=True)
        ]
        pairs = zip(inputs, rests, strict=True)
        right = _sum(expansion.back(z, rest) for z, rest in pairs) / len(rows)

        def curved(u: Array) -> Array:
            bent = _sum(expansion.back(z, expansion.along(z, u)) for z in inputs)
            return bent / len(rows) + self.l2 * u

        return conjugate_gradients(curved, right)

    def _rest(
        self, expansion: Expansion, z: Tensor, data: Dataset, rows: Array, core: Array
    ) -> Tensor:
        """What the core leaves to the user weights, (n, outputs): of its own records nothing."""
        asked = torch.from_numpy(~core[rows])[:, None]
        return self._wanted(expansion, z, data, rows) * asked

    def _wanted(self, expansion: Expansion, z: Tensor, data: Dataset, rows: Array) -> Tensor:
        """Targets less the core's answers."""
        answer = expansion.logits(z)
        if data.task == "regression":
            return torch.from_numpy(np.asarray(data.y[rows], dtype=np.float64))[:, None] - answer
        own = np.eye(len(data.classes))[data.y[rows]] - 1 / len(data.classes)
        return self.height * torch.from_numpy(own) - (answer - answer.mean(1, keepdim=True))


def _sum(parts: Iterable[Array]) -> Array:
    return reduce(np.add, parts)


def _check_cores(keep: Array, labels: tuple[str, ...]) -> None:
    for mask, label in zip(keep, labels, strict=True):
        if not mask.any():
            name = label or "the model"
            raise BadForgetSet(
                f"No core record is left to train {name} on.", "Remove fewer records."
            )


def conjugate_gradients(curved: Callable[[Array], Array], right: Array) -> tuple[Array, int]:
    """u with `curved(u)` = right for a positive definite map, from 0, and the steps it took."""
    u, rest = np.zeros_like(right), right
    direction, size = rest, float(rest @ rest)
    goal = TOLERANCE**2 * size
    for step in range(MOST_STEPS):
        if size <= goal:
            return u, step
        bent = curved(direction)
        length = size / float(direction @ bent)
        u, rest = u + length * direction, rest - length * bent
        before, size = size, float(rest @ rest)
        direction = rest + size / before * direction
    return u, MOST_STEPS
