"""Ridge regression in closed form (Hoerl & Kennard 1970): least squares with an L2 term.

Minimises 1/n Σ ½ ‖W z + b - t‖² + l2/2 ‖(W, b)‖² over preprocessed inputs z, with t the value in
regression and ±1 for each class else. Setting the gradient to 0: (Σ [z,1][z,1]ᵀ / n + l2 I) θ =
Σ [z,1] tᵀ / n. A free intercept b has no part in the L2 term, nor in I. Without L2 the solution of least
norm is taken.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from disgorge_core.params import param
from disgorge_core.registry import ARCHITECTURES
from disgorge_core.types import Array, Layer

RANK = 1e-12  # eigenvalues below this share of the largest count as 0 where there is no L2


@ARCHITECTURES.register
@dataclass(frozen=True)
class Ridge:
    """A linear model solved exactly; records can be taken out of it exactly."""

    name = "ridge"
    title = "Ridge (closed form)"
    order = 40
    kinds = ("image", "table")
    tasks = ("classification", "regression")

    blocks: int = param(
        64, help="Parts in which sums are kept; removal redoes touched ones", min=1, max=1024
    )

    intercept: str = param(
        "held",
        help="Whether L2 holds the intercept back like the weights, or leaves it free",
        choices=("held", "free"),
    )

    def layers(self, shape: tuple[int, ...], outputs: int) -> tuple[Layer, ...]:
        """Layers for inputs of a shape."""
        flatten = (Layer("flatten"),) if len(shape) > 1 else ()
        return (*flatten, Layer("linear", "head", {"inputs": math.prod(shape), "outputs": outputs}))

    def solve(self, second: Array, cross: Array, task: str, l2: float) -> tuple[Array, Array]:
        """Weights (c, d) and bias (c,) from Σ [z,1][z,1]ᵀ (d+1, d+1) and Σ [z,1] targetᵀ (d+1, c)."""
        count = second[-1, -1]
        if task == "classification":
            cross = 2 * cross - second[:, -1:]
        left, right = second / count, cross / count
        if l2 > 0:
            held = np.ones(len(left))
            held[-1] = self.intercept == "held"
            theta = np.linalg.solve(left + l2 * np.diag(held), right)
        else:
            theta = np.linalg.pinv(left, rcond=RANK, hermitian=True) @ right
        return np.ascontiguousarray(theta[:-1].T), np.ascontiguousarray(theta[-1])
