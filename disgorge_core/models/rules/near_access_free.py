"""Near access-freeness for classifiers, after Vyas, Kakade and Barak (arXiv 2302.10870), CP-Δ and CP-k.

Two networks q₁, q₂ learnt from disjoint halves, so that each record is unknown to one of them. The answer is
    p = min(q₁, q₂) / Z,    Z = Σ min(q₁, q₂) = 1 - TV(q₁, q₂),    max_y log p(y)/qᵢ(y) ≤ k = -log Z
or  p = √(q₁ q₂) / Z,       Z = Σ √(q₁ q₂) = 1 - H²(q₁, q₂),       KL(p ‖ qᵢ) ≤ k = -2 log Z
so that no answer is more than k nats likelier (in the worst case, or on average) than the network that
never saw the record would have it. Where both networks agree k is near 0. CP-k takes an answer of q, the
networks' mean, only where log q(y)/qᵢ(y) ≤ k for both and renormalises by the share ν that is left, which
adds log 1/ν to k; where no answer fits, none is given.
Artefacts: `naf_kind` (1,): 0 for the minimum, 1 for the geometric mean, 2 for CP-k with `naf_k` (1,) nats.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from disgorge_core.models.prediction import mean_logits, member_logits, softmax
from disgorge_core.registry import RULES
from disgorge_core.types import Array, Model

KINDS = ("worst case", "on average", "at most k")
LEAST = 1e-12  # probabilities below this count as this, so that logs stay finite


@RULES.register
class NearAccessFree:
    """The answer that both halves allow."""

    name = "near_access_free"
    says = "what both of its networks allow (CP-Δ or CP-k)"
    behind = "mean"

    @staticmethod
    def logits(model: Model, x: Any) -> Array:
        """Log-probabilities (n, classes) of the bounded answer; 0 for all where none is given."""
        p, k = allowed(model, x)
        return np.where(np.isinf(k)[:, None], 0.0, np.log(np.maximum(p, LEAST)))

    @staticmethod
    def withheld(model: Model, x: Any) -> Array:
        """Bool (n,): where no answer is within k of both networks."""
        return np.isinf(allowed(model, x)[1])


def allowed(model: Model, x: Any) -> tuple[Array, Array]:
    """The bounded answer (n, classes) and its k (n,) in nats, for each record."""
    safe = np.stack([softmax(member_logits(member, x)) for member in model.members])
    kind = KINDS[int(model.artefacts["naf_kind"][0])]
    if kind == KINDS[2]:
        return cp_k(softmax(mean_logits(model, x)), safe, float(model.artefacts["naf_k"][0]))
    one, two = safe
    return cp_delta(one, two, kind)


def cp_delta(one: Array, two: Array, kind: str) -> tuple[Array, Array]:
    """p (n, classes) and k (n,) from the two networks' probabilities (n, classes)."""
    one, two = np.maximum(one, LEAST), np.maximum(two, LEAST)
    worst = kind == KINDS[0]
    common = np.minimum(one, two) if worst else np.sqrt(one * two)
    z = common.sum(1)
    return common / z[:, None], -np.log(z) * (1 if worst else 2)


def cp_k(model: Array, safe: Array, k: float) -> tuple[Array, Array]:
    """Answers within k nats of all safe ones, and the k (n,) that then holds.

    `model` (n, classes) and `safe` (m, n, classes) are probabilities; where no answer is within k, p is NaN
    and k infinite: the model declines.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        fits = (np.log(model) - np.log(safe) <= k).all(0)
        left = (model * fits).sum(1)
        return np.where(fits, model, 0.0) / left[:, None], k - np.log(left)
