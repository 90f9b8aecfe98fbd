"""Gradient descent whose distance to the optimum is known beforehand: strongly convex and smooth losses.

For an objective whose curvature lies between m and M, one step of length 2/(m + M) brings the weights nearer
to the optimum by at least the factor κ = (M - m)/(M + m) (Nesterov 2004, theorem 2.1.15). All in float64;
records are what a last linear layer reads, weights (classes, d).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from disgorge_core.models.prediction import softmax
from disgorge_core.types import Array

PULL = math.sqrt(2)  # the longest gradient of one record's loss, if ‖x‖ ≤ 1: ‖p - onehot‖ ≤ √2
BEND = 0.5  # the largest curvature of softmax with the logits


@dataclass(frozen=True)
class Bowl:
    """The least and the largest curvature of an objective."""

    least: float
    largest: float

    @property
    def step(self) -> float:
        """The step that contracts most."""
        return 2 / (self.least + self.largest)

    @property
    def rate(self) -> float:
        """κ: what is left of the distance after one step."""
        return (self.largest - self.least) / (self.largest + self.least)

    def steps(self, distance: float, wanted: float) -> int:
        """Steps that bring a distance down to what is wanted."""
        if distance <= wanted:
            return 0
        return math.ceil(math.log(wanted / distance) / math.log(self.rate)) if self.rate > 0 else 1


def of_unit_records(l2: float) -> Bowl:
    """Mean softmax loss + λ/2 ‖W‖² over records with ‖x‖ ≤ 1, whatever they are."""
    return Bowl(l2, l2 + BEND)


def of_records(x: Array, l2: float, classes: bool) -> Bowl:
    """The same for these records (n, d): softmax loss of classes, else half squared error."""
    largest = float(np.linalg.eigvalsh(x.T @ x / len(x))[-1])
    return Bowl(l2, l2 + (BEND if classes else 1.0) * largest)


def slope(x: Array, target: Array, w: Array, l2: float, classes: bool = True) -> Array:
    """The gradient (classes, d) of the mean loss + λ/2 ‖W‖²; target (n, classes): one-hot, or values."""
    z = x @ w.T
    answer = softmax(z) if classes else z
    found: Array = (answer - target).T @ x / len(x) + l2 * w
    return found


def descend(
    x: Array, target: Array, w: Array, l2: float, bowl: Bowl, steps: int, classes: bool = True
) -> Array:
    """The weights after so many steps."""
    for _ in range(steps):
        w = w - bowl.step * slope(x, target, w, l2, classes)
    return w


def reach(l2: float) -> float:
    """No optimum over unit records is farther from 0: λ‖W*‖ = ‖mean ∇ℓ‖ ≤ √2."""
    return PULL / l2


def shift(gone: int, before: int, l2: float) -> float:
    """How far the optimum can move when `gone` of `before` unit records leave: 2 √2 k / (λ (n - k)).

    At the old optimum the gradient on what stays is -(Σ_F ∇ℓ + k λ W*)/(n - k), at most 2 √2 k/(n - k) long,
    and strong convexity divides by λ.
    """
    return 2 * PULL * gone / (l2 * (before - gone))


def noise(distance: float, epsilon: float, delta: float) -> float:
    """σ that makes N(a, σ²I) and N(b, σ²I) (ε, δ)-indistinguishable for ‖a - b‖ ≤ distance.

    σ = distance / (√2 (√(ln(1/δ) + ε) - √ln(1/δ))): the Rényi divergence ρ = distance²/2σ² gives
    ε = ρ + 2 √(ρ ln(1/δ)) (Bun & Steinke 2016; Neel et al., lemma 2.5), solved for σ.
    """
    root = math.sqrt(math.log(1 / delta) + epsilon) - math.sqrt(math.log(1 / delta))
    return distance / (math.sqrt(2) * root)
