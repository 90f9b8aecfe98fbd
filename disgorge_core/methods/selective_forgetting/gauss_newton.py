"""What `fisher` and `ntk` share: derivatives of a network's logits, its Fisher, noise by it, and nats.

The Fisher of the mean loss over R is F = (1/|R|) Σ_r J_rᵀ S_r J_r with J (c, P) the derivatives of a record's
logits in the learning weights and S the second derivative of the loss in the logits (`Loss`); only its
diagonal is used for noise. Two Gaussians with the same variances v and means that are Δ apart have
KL = ½ Σ Δ²/v nats. The way from θ to the weights without F is estimated by one damped Newton step,
Δ = (|F|/|D|) H⁻¹ (∇L_F - ∇L_R); a method that moves the means has what is left of it.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from disgorge_core.curvature import Curvature, why_no_curvature
from disgorge_core.curvature.losses import Loss, loss_of
from disgorge_core.methods.contract import Context, Facts
from disgorge_core.methods.selective_forgetting.steps import only_plain
from disgorge_core.models.backbones.whole import WHOLE
from disgorge_core.models.layers import head_of
from disgorge_core.models.prediction import inputs
from disgorge_core.types import Array, Change, Member, Model
from disgorge_core.words import reservation

BLOCK = 2**24  # numbers of one block of derivatives
DAMPING = 0.1  # of the mean curvature, where only a diagonal is known
Vector = dict[str, Tensor]


def only_own_weights(facts: Facts) -> str | None:
    """Why the weights are not moved all together: shards, sums, or a whole Hugging Face network."""
    if facts.model.preprocessing.kind == WHOLE:
        return "A whole Hugging Face network is too large for it: fine-tune or retrain it instead."
    return only_plain(facts)


def learning(model: Model) -> Vector:
    """The weights that the recipe trains, by name and detached."""
    head_only = model.recipe is not None and model.recipe.trainable == "head"
    chosen = head_of(model.network) if head_only else model.network
    inside = {id(p) for p in chosen.parameters()}
    found = model.network.named_parameters()
    return {name: p.detach() for name, p in found if id(p) in inside}


def l2_of(model: Model) -> float:
    """The recipe's L2; none where the recipe is unknown."""
    return model.recipe.l2 if model.recipe is not None else 0.0


def flat(vector: Mapping[str, Tensor]) -> Tensor:
    """All numbers of a parameter vector (P,), in float64."""
    return torch.cat([part.flatten() for part in vector.values()]).double()


def unflat(numbers: Tensor, like: Mapping[str, Tensor]) -> Vector:
    """The inverse of `flat`."""
    parts = numbers.split([p.numel() for p in like.values()])
    pairs = zip(like.items(), parts, strict=True)
    return {name: part.reshape(p.shape).to(p.dtype) for (name, p), part in pairs}


@dataclass(frozen=True, eq=False)
class Piece:
    """Some records at given weights: derivatives (b, c, P) and logits (b, c), the loss and its targets."""

    jacobian: Tensor
    logits: Tensor
    targets: Tensor
    loss: Loss

    def rooted(self) -> Tensor:
        """Rows (b, c, P) whose outer products add up to J_rᵀ S_r J_r for each record.

        Cross-entropy: S = diag(p) - p pᵀ = Σ_k p_k (e_k - p)(e_k - p)ᵀ. Squared loss: S = I.
        """
        if self.loss.kind != "cross-entropy":
            return self.jacobian
        p = self.logits.softmax(1)
        mean = (p[:, :, None] * self.jacobian).sum(1, keepdim=True)
        return p.sqrt()[:, :, None] * (self.jacobian - mean)

    def slopes(self) -> Tensor:
        """Gradients (b, P) of every record's loss."""
        slope = self.loss.slope(self.logits, self.targets)
        return (slope[:, None] @ self.jacobian)[:, 0]


def pieces(model: Model, x: Any, y: Array) -> Iterator[Piece]:
    """All records, block after block, so that memory stays bounded."""
    member, loss, weights = _frozen(model.members[0]), loss_of(model), learning(model)
    fixed = {**dict(member.network.named_parameters()), **dict(member.network.named_buffers())}

    def logit(some: Vector, z: Tensor, number: int) -> Tensor:
        out: Tensor = functional_call(member.network, {**fixed, **some}, (z[None],))
        return out[0, number]

    each = vmap(grad(logit), (None, 0, None))
    size = _block(model)
    for start in range(0, len(y), size):
        part = slice(start, start + size)
        z = inputs(member, x[part])
        out = member.network(z)
        found = [each(weights, z, number) for number in range(out.shape[1])]
        rows = [torch.cat([g[name].flatten(1) for name in weights], 1) for g in found]
        yield Piece(torch.stack(rows, 1), out, loss.targets(y[part], out), loss)


def _frozen(member: Member) -> Member:
    network: nn.Module = copy.deepcopy(member.network).eval().requires_grad_(False)
    return Member(network, member.preprocessing)


def _block(model: Model) -> int:
    numbers = max(1, len(model.classes)) * sum(p.numel() for p in learning(model).values())
    return int(np.clip(BLOCK // numbers, 1, 256))


def _mean_slope(context: Context, mask: Array) -> Tensor:
    """Gradient (P,) float64 of the mean loss over some records, without L2."""
    model, rows = context.model, np.flatnonzero(mask)
    member, loss = _frozen(model.members[0]), loss_of(model)
    own = {name: p.clone().requires_grad_() for name, p in learning(model).items()}
    total = torch.zeros(sum(p.numel() for p in own.values()), dtype=torch.float64)
    for start in range(0, len(rows), 256):
        part = rows[start : start + 256]
        out = functional_call(member.network, own, (inputs(member, context.data.take(part)),))
        worth = loss.each(out, loss.targets(context.data.y[part], out)).sum()
        found = torch.autograd.grad(worth, list(own.values()), materialize_grads=True)
        total += flat(dict(zip(own, found, strict=True)))
    return total / len(rows)


# --- the Fisher ---------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Fisher:
    """The diagonal (P,) of the Fisher with L2 at the old weights, and a solve with the curvature."""

    diagonal: Tensor
    passes: float
    curvature: Curvature | None
    like: Vector

    def solve(self, slope: Tensor) -> Tensor:
        """H⁻¹ g (P,), damped; by the diagonal alone where curvature does not cover the layers."""
        if self.curvature is None:
            return slope / (self.diagonal + DAMPING * self.diagonal.mean())
        solved = self.curvature.solve(unflat(slope, self.like))
        return flat({name: solved[name] for name in self.like})


def fisher_of(context: Context) -> Fisher:
    """The Fisher on the kept records: from the curvature engine, else record by record."""
    model, like = context.model, learning(context.model)
    if why_no_curvature(model) is None:
        curvature: Curvature = context.curvature()
        diagonal = curvature.diagonal()
        whole = flat({name: diagonal[name] for name in like})
        return Fisher(whole, curvature.passes, curvature, like)
    rows = np.flatnonzero(context.keep)
    total = torch.zeros(sum(p.numel() for p in like.values()), dtype=torch.float64)
    for piece in pieces(model, context.data.take(rows), context.data.y[rows]):
        total += piece.rooted().double().square().sum((0, 1))
    return Fisher(
        total / len(rows) + l2_of(model), float(len(rows) * max(1, len(model.classes))), None, like
    )


@dataclass(frozen=True, eq=False)
class Noise:
    """Independent Gaussian noise: `variance` (P,) at strength 1, and one draw `drawn` of it."""

    variance: Tensor
    drawn: Tensor

    def nats(self, apart: Tensor, strength: float) -> float:
        """½ Σ Δ²/v for means that are Δ (P,) apart, infinite without noise."""
        if strength == 0:
            return math.inf
        return float((apart.square() / self.variance).sum() / (2 * strength**2))


def noise_of(fisher: Fisher, exponent: float, floor: float, seed: int) -> Noise:
    """Noise with variance m² (F̄/F)^exponent, m the root mean square of the weights, F̄ the mean of F.

    F is taken as no less than `floor` F̄, so that weights that nothing rests on get a bounded share.
    """
    typical = flat(fisher.like).square().mean()
    share = (fisher.diagonal / fisher.diagonal.mean()).clamp(min=floor)
    variance = typical * share.pow(-exponent)
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(len(variance), generator=generator, dtype=torch.float64)
    return Noise(variance, drawn * variance.sqrt())


def way_to_without(context: Context, fisher: Fisher) -> Tensor:
    """Estimated way (P,) from the old weights to those of a model trained without F."""
    gone, kept = (_mean_slope(context, mask) for mask in (context.forget, context.keep))
    share = context.forget.sum() / (context.forget | context.keep).sum()
    return fisher.solve(float(share) * (gone - kept))


def said_of_nats(change: Change) -> tuple[str, ...]:
    """The sentence about the nats that remain, to three digits; none where no noise was added."""
    nats = change.figures.get("nats remaining")
    if nats is None:
        return ()
    digits = 2 - math.floor(math.log10(nats)) if nats > 0 else 0
    return (reservation("nats", f"{round(nats, digits):,.{max(0, digits)}f}"),)
