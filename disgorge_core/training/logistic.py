"""Logistic regression, one class against the rest: objective, its optimum, and one Newton step away from F.

For targets t = ±1, records x with ‖x‖ ≤ 1 and a fixed vector b the objective of one class is
L(w) = Σ log(1 + exp(-t w·x)) + λ n/2 ‖w‖² + b·w. All in float64, classes (K) first.
"""

from __future__ import annotations

import numpy as np

from disgorge_core.types import Array

GAMMA = 0.25  # limit of how fast the loss's second derivative changes, as in Guo et al.
TOLERANCE = 1e-12  # of the gradient, for each record
MOST_STEPS, HALVINGS = 100, 30


def signs(y: Array, classes: int) -> Array:
    """Targets (K, n) of ±1: one row for two classes (the second against the first), else one a class."""
    rows = np.array([1]) if classes == 2 else np.arange(classes)
    return np.where(y[None] == rows[:, None], 1.0, -1.0)


def as_logits(w: Array, classes: int) -> Array:
    """Weights (classes, d) of a linear layer; of two classes the first gets zeros."""
    return np.concatenate([np.zeros_like(w), w]) if classes == 2 else w


def as_sides(weights: Array) -> Array:
    """The inverse of `as_logits`: (K, d)."""
    return weights[1:] if len(weights) == 2 else weights


def pull(x: Array, t: Array, w: Array) -> Array:
    """Σ ∇ℓ over the records (n, d), for one class: -Σ t x σ(-t w·x)."""
    gradient: Array = x.T @ (-t * _sigmoid(-t * (x @ w)))
    return gradient


def gradient(x: Array, t: Array, w: Array, l2: float, b: Array) -> Array:
    """∇L of one class, with the +b of its objective."""
    return pull(x, t, w) + l2 * len(x) * w + b


def hessian(x: Array, w: Array, l2: float) -> Array:
    """∇²L (d, d) of one class."""
    p = _sigmoid(x @ w)
    return (x * (p * (1 - p))[:, None]).T @ x + l2 * len(x) * np.eye(x.shape[1])


def optimum(x: Array, t: Array, l2: float, b: Array) -> tuple[Array, int]:
    """The minimum of one class's objective by Newton steps, and how many it took.

    A step is halved until the gradient shrinks, which it does at some length where the objective is strongly
    convex; where none shrinks it, the number format has no more digits.
    """
    w, g = np.zeros(x.shape[1]), gradient(x, t, np.zeros(x.shape[1]), l2, b)
    for steps in range(MOST_STEPS):
        if np.linalg.norm(g) <= TOLERANCE * (len(x) + np.linalg.norm(b)):
            return w, steps
        step = np.linalg.solve(hessian(x, w, l2), g)
        trials = (w - step / 2**halving for halving in range(HALVINGS))
        pairs = ((trial, gradient(x, t, trial, l2, b)) for trial in trials)
        nearer = next((p for p in pairs if np.linalg.norm(p[1]) < np.linalg.norm(g)), None)
        if nearer is None:
            return w, steps + 1
        w, g = nearer
    return w, MOST_STEPS


def length_of(x: Array) -> float:
    """‖X‖₂ of records (n, d): the root of the largest eigenvalue of XᵀX."""
    return float(np.sqrt(np.linalg.eigvalsh(x.T @ x)[-1]))


def step_away(
    kept: Array, gone: tuple[Array, Array], w: Array, l2: float, length: float
) -> tuple[Array, float]:
    """One Newton step of one class from w without records F (x, t), and the bound of what it leaves.

    Δ = λ|F| w + Σ_F ∇ℓ, w ← w + H⁻¹Δ with H on the kept records (n, d), whose spectral norm is `length`.
    Bound: γ ‖X‖₂ ‖H⁻¹Δ‖ ‖X H⁻¹Δ‖.
    """
    x, t = gone
    delta = l2 * len(x) * w + pull(x, t, w)
    step = np.linalg.solve(hessian(kept, w, l2), delta)
    bound = GAMMA * length * np.linalg.norm(step) * np.linalg.norm(kept @ step)
    return w + step, float(bound)


def bounds_of_one(x: Array, t: Array, w: Array, l2: float, length: float, some: Array) -> Array:
    """The bound of removing each of some records (m,) alone, for one class.

    H on all but one record is H on all, less that record: Sherman and Morrison's formula.
    """
    inverse = np.linalg.inv(hessian(x, w, l2) - l2 * np.eye(len(w)))
    own, signs = x[some], t[some]
    p = _sigmoid(own @ w)
    delta = l2 * w[None] - own * (signs * _sigmoid(-signs * (own @ w)))[:, None]
    steps, across = delta @ inverse, own @ inverse
    curve = p * (1 - p)
    share = curve * (own * steps).sum(1) / (1 - curve * (own * across).sum(1))
    steps = steps + share[:, None] * across
    return np.asarray(
        GAMMA * length * np.linalg.norm(steps, axis=1) * np.linalg.norm(x @ steps.T, axis=0)
    )


def _sigmoid(z: Array) -> Array:
    return np.exp(-np.logaddexp(0, -z))
