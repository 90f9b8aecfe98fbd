"""Losses and outputs of one record as functions of its logits z, with their derivatives in z.

Classification: ℓ = -log softmax(z)_y, ∇²_z ℓ = diag(p) - p pᵀ. Squared loss (regression, and ridge in closed
form, whose class targets are ±1): ℓ = ½‖z - t‖², ∇²_z ℓ = I.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from disgorge_core.errors import NotApplicable
from disgorge_core.types import Array, Model

EXACT_CLASSES = 10  # up to here the Hessian in z is summed over all classes, beyond it is sampled
TARGETS = ("margin", "loss")


@dataclass(frozen=True)
class Loss:
    """Which loss a model is fitted with: "cross-entropy" or "squared", and how many outputs."""

    kind: str
    task: str

    def targets(self, y: Array, like: Tensor) -> Tensor:
        """Targets (n,) as the loss reads them: class codes, or values."""
        if self.task == "classification":
            return torch.tensor(np.asarray(y), dtype=torch.int64)
        return torch.tensor(np.asarray(y), dtype=like.dtype)

    def each(self, z: Tensor, y: Tensor) -> Tensor:
        """Loss (n,) of each record."""
        if self.kind == "cross-entropy":
            return F.cross_entropy(z, y, reduction="none")
        return 0.5 * (z - self._wanted(z, y)).square().sum(1)

    def slope(self, z: Tensor, y: Tensor) -> Tensor:
        """Derivative (n, c) of each record's loss in its logits."""
        if self.kind == "cross-entropy":
            return z.softmax(1) - F.one_hot(y, z.shape[1]).to(z.dtype)
        return z - self._wanted(z, y)

    def output_slope(self, z: Tensor, y: Tensor, target: str) -> Tensor:
        """Derivative (n, c) of the named output: "loss", or "margin" (for regression the residual)."""
        if target == "loss":
            return self.slope(z, y)
        if self.task != "classification":
            return torch.ones_like(z)
        own = F.one_hot(y, z.shape[1]).to(z.dtype)
        return own - z.masked_fill(own.bool(), -torch.inf).softmax(1)

    def columns(self, z: Tensor, generator: torch.Generator) -> Tensor:
        """Columns d (k, n, c) whose Σ_k d dᵀ is the Hessian in z, or whose expectation is (one draw)."""
        eye = torch.eye(z.shape[1], dtype=z.dtype)
        if self.kind != "cross-entropy":
            return eye[:, None].expand(-1, len(z), -1)
        p = z.softmax(1)
        if z.shape[1] <= EXACT_CLASSES:
            return p.T.sqrt()[:, :, None] * (p[None] - eye[:, None])
        drawn = torch.multinomial(p, 1, generator=generator)[:, 0]
        return (p - eye[drawn])[None]

    def mixture(self, z: Tensor, generator: torch.Generator) -> Tensor:
        """One column m (1, n, c) with E m mᵀ = Σ_k d dᵀ: the sum of all columns d with random signs.

        Signs are ±1, drawn for each record: products of different columns vanish in expectation.
        """
        columns = self.columns(z, generator)
        signs = torch.randint(0, 2, columns.shape[:2], generator=generator) * 2 - 1
        return (signs[:, :, None] * columns).sum(0, keepdim=True)

    def _wanted(self, z: Tensor, y: Tensor) -> Tensor:
        if self.task == "classification":
            return 2 * F.one_hot(y, z.shape[1]).to(z.dtype) - 1
        return y[:, None]


def loss_of(model: Model) -> Loss:
    """The loss that a model was fitted with; raises NotApplicable where there was none."""
    closed = model.regime == "closed form"
    if closed and model.architecture != "ridge":
        raise NotApplicable(
            f"A model of the kind {model.architecture!r} is not fitted by a loss, so it has no curvature.",
            "Remove records from its sums, which is exact.",
        )
    squared = model.task != "classification" or closed
    return Loss("squared" if squared else "cross-entropy", model.task)
