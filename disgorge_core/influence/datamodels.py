"""Ridge regression of outputs on who was in the training: the linear datamodel.

Ilyas et al. 2022 (arXiv 2202.00622): over K trainings with masks Z (K, n) and outputs M (K, m), both centred,

    β = Zᵀ (Z Zᵀ + λ I)⁻¹ M = A M

λ is the one, for all queries together, whose predictions of a mask that was left out are best. These need no
second fit: the error at mask k is r_k / (1 - H_kk), with H = Z A + 1/K (Allen 1974, PRESS). The standard
error of β_ij is σ_j ‖A_i‖, σ_j² being the mean square of these errors; that a ridge shrinks towards 0 is not
in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from disgorge_core.types import Array

SHARES = np.logspace(-4, 3, 29)  # λ tried, in units of the mean eigenvalue of Z Zᵀ


@dataclass(frozen=True, eq=False)
class Datamodel:
    """Coefficients (n, m) with their standard errors, the λ chosen, and what it explains on new masks."""

    coefficients: Array
    error: Array
    penalty: float
    explained: float  # 1 - error on left-out masks / variance, at most 1, below 0 where it explains nothing


def regress(masks: Array, outputs: Array) -> Datamodel:
    """The datamodel of masks (K, n) and outputs (K, m)."""
    z = masks.astype(np.float64) - masks.mean(0)
    m = outputs.astype(np.float64) - outputs.mean(0)
    values, vectors = np.linalg.eigh(z @ z.T)
    values = values.clip(min=0)
    scale = np.maximum(m.std(0), 1e-12)
    tried = values.mean() * SHARES
    missed = [left_out(values, vectors, m, penalty) for penalty in tried]
    best = int(np.argmin([np.square(errors / scale).mean() for errors in missed]))
    penalty, errors = float(tried[best]), missed[best]
    inverse = z.T @ (vectors / (values + penalty)) @ vectors.T
    noise = np.sqrt(np.square(errors).mean(0))
    explained = 1 - float(np.square(errors).sum() / max(np.square(m).sum(), 1e-30))
    size = np.linalg.norm(inverse, axis=1)
    return Datamodel(inverse @ m, size[:, None] * noise, penalty, explained)


def left_out(values: Array, vectors: Array, m: Array, penalty: float) -> Array:
    """Errors (K, m) at each mask of the regression on the others, from Z Zᵀ = vectors values vectorsᵀ."""
    shrunk = (vectors * (values / (values + penalty))) @ vectors.T
    spared = 1 - shrunk.diagonal() - 1 / len(m)
    return np.asarray((m - shrunk @ m) / np.maximum(spared, 1e-9)[:, None])
