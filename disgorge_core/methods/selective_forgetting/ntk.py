"""Move the weights as the network's linearisation says that a training without the records would.

Formula: around the trained weights θ the logits count as linear in the weights, f(u) = f(θ) + J (u - θ), and
the loss as quadratic in the logits. Training on a set M then ends at θ + δ_M,
    δ_M = -(Σ_M JᵀSJ + μ I)⁻¹ [Σ_M Jᵀ∇ℓ + |M| λ θ + ν (θ - θ₀)],  μ = |M| λ + ν,
S being the second derivative of the loss in the logits, λ the recipe's L2, θ₀ the start weights and
ν = |M| / T_M = |D| / T_D the pull of stopping after training time T = Σ rate / (1 - momentum). So
θ ← θ + s (δ_R - δ_D), then Fisher noise. With G = Jᵀ S^½ the inverse is taken in the kernel Θ = GᵀG + μI
(records x outputs wide) where there are more weights: (GGᵀ + μI)⁻¹ v = (v - G Θ⁻¹ Gᵀv) / μ.
Source: Golatkar, Achille and Soatto (arXiv 2003.02960, section 4): w_lin = w₀ - G Θ⁻¹ (f₀ - y), shift
w_lin(R) - w_lin(D), then Fisher noise. They linearise at pretrained start weights with S = I, also for
cross-entropy, and stretch the shift (23.5 times in their notebook). Networks that start from scratch
leave that neighbourhood; at the trained weights with the loss's own S nothing has to be stretched.
Nats remaining: as for Fisher noise alone, for what is left of the expected way after the shift.
Guarantee: exact for one linear layer with squared loss and L2 at its optimum: the step ends at the optimum
on R for the kept preprocessing. None for other networks.
Fails when: the weights without F lie where the network is no longer linear (large F, long trainings); the
start weights of an uploaded model are not known and count as 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from disgorge_core import training
from disgorge_core.curvature import moved
from disgorge_core.errors import NotApplicable
from disgorge_core.methods.contract import Context, Facts
from disgorge_core.methods.retraining.compressed_retrain import training_time
from disgorge_core.methods.selective_forgetting.fisher import FLOOR
from disgorge_core.methods.selective_forgetting.gauss_newton import (
    Piece,
    fisher_of,
    flat,
    learning,
    noise_of,
    only_own_weights,
    pieces,
    said_of_nats,
    unflat,
    way_to_without,
)
from disgorge_core.methods.selective_forgetting.steps import share_of_full
from disgorge_core.methods.validation_guard import largest_step
from disgorge_core.params import param
from disgorge_core.registry import METHODS
from disgorge_core.training.blueprint import blueprint
from disgorge_core.training.task import job_of, tasks_for
from disgorge_core.types import Array, Change, Family, Model, Progress, Tier, Timing

STEPS = (1.0, 0.5, 0.25, 0.1)
WIDEST = 5_000  # rows of a matrix that is inverted (0.2 GB, four at a time)
NUMBERS = 2**27  # of all derivatives (0.5 GB)
COLUMNS = 4_096


@METHODS.register
@dataclass(frozen=True)
class TangentKernel:
    """The linearised change of the weights, then a little noise."""

    name = "ntk"
    title = "Linearised retraining (tangent kernel)"
    family = Family.SELECTIVE_FORGETTING
    timing = Timing.REACTIVE
    tier = Tier.EMPIRICAL
    needs = ("model", "data", "forget", "keep", "recipe", "validation", "curvature")
    tasks = ("classification", "regression")
    order = 430
    promise = (
        "Moves all weights to where a training without the records is expected to end, if the network is "
        "linear between here and there; for small networks or few records only."
    )

    step: float = param(
        0.0,
        help="Share of the expected change to make; 0 takes the largest that costs at most 2 points of "
        "validation quality",
        min=0.0,
        max=2.0,
    )
    noise: float = param(
        0.01,
        help="Noise added afterwards on a weight of average importance, as a share of the weights' size; "
        "without it nothing can be said of the nats that remain",
        min=0.0,
        max=10.0,
    )
    exponent: float = param(
        0.5,
        help="Power of the inverse Fisher in the noise's variance",
        min=0.0,
        max=2.0,
        advanced=True,
    )

    def why_not(self, facts: Facts) -> str | None:
        """Needs one network, small beside the memory."""
        reason = only_own_weights(facts)
        if reason is not None or _is_kernel(*_size(facts)) is not None:
            return reason
        rows, weights = _size(facts)
        return (
            f"{facts.n_train:,} records x {rows // facts.n_train} outputs and {weights:,} weights make a "
            f"kernel that is too large (the limit is {WIDEST:,} for one of the two, and {NUMBERS:,} for "
            "their product where there are more weights): take the influence step instead."
        )

    def price(self, facts: Facts) -> float:
        """A backward pass for each output, and what the noise takes."""
        outputs = max(1, len(facts.model.classes))
        return share_of_full(facts, (outputs + 3) * facts.n_train, 1.0)

    def run(self, context: Context) -> Change:
        """The largest step that the validation records allow."""
        model, data, rows = context.model, context.data, np.flatnonzero(context.keep)
        shift, passes = linear_shift(context)
        fisher = fisher_of(context)
        noise = noise_of(fisher, self.exponent, FLOOR, context.seed)
        apart, like = way_to_without(context, fisher), fisher.like

        def attempt(step: float) -> Change:
            way = step * shift + self.noise * noise.drawn
            after = training.refresh_buffers(moved(model, unflat(way, like)), data, rows)
            nats = noise.nats(apart - step * shift, self.noise)
            return Change(after, 0.0, figures={"nats remaining": nats} if self.noise else {})

        change = largest_step(context, attempt, self.step, STEPS)
        notes = (*said_of_nats(change), *change.notes)
        passes += change.passes + fisher.passes + len(rows) + int(context.forget.sum())
        return replace(change, passes=passes, notes=notes)


def _size(facts: Facts) -> tuple[int, int]:
    """Rows of all derivatives (records x outputs), and weights that learn."""
    weights = sum(p.numel() for p in learning(facts.model).values())
    return facts.n_train * max(1, len(facts.model.classes)), weights


def _is_kernel(rows: int, weights: int) -> bool | None:
    """Whether the inverse is taken records by records; None where both ways are too large."""
    if weights <= min(rows, WIDEST):
        return False
    return True if rows <= WIDEST and rows * weights <= NUMBERS else None


# --- the shift ----------------------------------------------------------------------------------


def linear_shift(context: Context) -> tuple[Tensor, float]:
    """δ_R - δ_D (P,) in float64 and the record-passes that it took."""
    sums = _gathered(context)
    theta, start, stop = _pulls(context)
    counts = (int(context.keep.sum()), int((context.keep | context.forget).sum()))
    ends = []
    for part, count in zip(sums, counts, strict=True):
        slope = part.slope + count * context.recipe.l2 * theta + count * stop * (theta - start)
        ends.append(-part.solve(slope, count * (context.recipe.l2 + stop)))
    outputs = max(1, len(context.model.classes))
    return ends[0] - ends[1], float(outputs * counts[1])


def _pulls(context: Context) -> tuple[Tensor, Tensor, float]:
    """The weights, the start weights, and 1 / T; no pull to the start where L2 alone decides."""
    theta = flat(learning(context.model))
    if _one_layer(context.model) and context.recipe.l2 > 0:
        return theta, torch.zeros_like(theta), 0.0
    count = int((context.keep | context.forget).sum())
    return theta, _start(context), 1 / training_time(context.recipe, count)


def _one_layer(model: Model) -> bool:
    found = [m for m in model.network.modules() if list(m.parameters(recurse=False))]
    return len(found) == 1 and isinstance(found[0], nn.Linear)


def _start(context: Context) -> Tensor:
    """The weights that the recipe starts from; zeros for an uploaded model."""
    model, like = context.model, learning(context.model)
    theta = flat(like)
    if model.lineage.origin == "uploaded":
        return torch.zeros_like(theta)
    everything = context.keep | context.forget
    plan = blueprint(model, context.data)
    job = job_of(context.data, plan, context.recipe, everything, [context.recipe.seed])
    fresh = dict(tasks_for(job)[1][0].network.named_parameters())
    found = flat({name: fresh[name].detach() for name in like})
    return found if found.shape == theta.shape else torch.zeros_like(theta)


@dataclass(frozen=True, eq=False)
class Sums:
    """Σ Jᵀ∇ℓ (P,), and what Σ JᵀSJ is made of: all rows G (rows, P), or the sum (P, P) itself."""

    slope: Tensor
    rows: Tensor | None
    gram: Tensor  # G Gᵀ (rows, rows), or Gᵀ G (P, P)

    def solve(self, v: Tensor, mu: float) -> Tensor:
        """(GᵀG + μI)⁻¹ v, through the kernel where that is the smaller matrix."""
        matrix = self.gram.clone()
        matrix.diagonal().add_(mu)
        factor, failed = torch.linalg.cholesky_ex(matrix)
        if failed or not torch.isfinite(factor).all():
            raise NotApplicable("The kernel cannot be inverted.", "Use a recipe with L2.")
        if self.rows is None:
            return torch.cholesky_solve(v[:, None], factor)[:, 0]
        inside = torch.cholesky_solve(_times(self.rows, v)[:, None], factor)[:, 0]
        return (v - _times(self.rows.T, inside)) / mu


def _gathered(context: Context) -> tuple[Sums, Sums]:
    """The sums over the kept records and over all; the kept ones come first among the rows."""
    outputs = max(1, len(context.model.classes))
    counts = [outputs * int(mask.sum()) for mask in (context.keep, context.forget)]
    like = learning(context.model)
    weights = sum(p.numel() for p in like.values())
    if not _is_kernel(sum(counts), weights):
        kept, gone = (_summed(context, mask) for mask in (context.keep, context.forget))
        return Sums(kept[0], None, kept[1]), Sums(kept[0] + gone[0], None, kept[1] + gone[1])
    rows = torch.empty(sum(counts), weights, dtype=next(iter(like.values())).dtype)
    first = _stored(context, context.keep, rows[: counts[0]])
    slope = first + _stored(context, context.forget, rows[counts[0] :])
    gram = _kernel(rows)
    inside = gram[: counts[0], : counts[0]]
    return Sums(first, rows[: counts[0]], inside), Sums(slope, rows, gram)


def _summed(context: Context, mask: Array) -> tuple[Tensor, Tensor]:
    """Σ Jᵀ∇ℓ (P,) and Σ JᵀSJ (P, P) over some records."""
    size = sum(p.numel() for p in learning(context.model).values())
    slope, gram = (torch.zeros(s, dtype=torch.float64) for s in ((size,), (size, size)))
    for piece in _pieces(context, mask):
        rows = piece.rooted().flatten(0, 1).double()
        slope += piece.slopes().double().sum(0)
        gram.addmm_(rows.T, rows)
    return slope, gram


def _stored(context: Context, mask: Array, place: Tensor) -> Tensor:
    """Σ Jᵀ∇ℓ (P,) over some records, whose rows are written into their place."""
    slope, done = torch.zeros(place.shape[1], dtype=torch.float64), 0
    for piece in _pieces(context, mask):
        rows = piece.rooted().flatten(0, 1)
        place[done : done + len(rows)] = rows
        slope += piece.slopes().double().sum(0)
        done += len(rows)
    return slope


def _pieces(context: Context, mask: Array) -> Iterator[Piece]:
    """Derivatives of some records; says how far it is."""
    chosen, done = np.flatnonzero(mask), 0
    for piece in pieces(context.model, context.data.take(chosen), context.data.y[chosen]):
        yield piece
        done += len(piece.targets)
        context.report(Progress(0.5 * done / len(chosen), "linearising the network"))


def _kernel(rows: Tensor) -> Tensor:
    """G Gᵀ in float64, made from a few columns at a time."""
    total = torch.zeros(len(rows), len(rows), dtype=torch.float64)
    for part in rows.split(COLUMNS, 1):
        wide = part.double()
        total.addmm_(wide, wide.T)
    return total


def _times(matrix: Tensor, v: Tensor) -> Tensor:
    """A matrix in few digits times a vector in float64, a few rows at a time."""
    return torch.cat([part.double() @ v for part in matrix.split(COLUMNS)])
