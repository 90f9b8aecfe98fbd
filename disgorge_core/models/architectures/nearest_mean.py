"""The nearest class mean as a linear model: logit of class c = μ_c · z - ½ ‖μ_c‖².

The class whose mean of preprocessed inputs z is closest has the largest logit, because
-½ ‖z - μ_c‖² = μ_c · z - ½ ‖μ_c‖² - ½ ‖z‖² (Tibshirani et al. 2002, without shrinkage).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from disgorge_core.params import param
from disgorge_core.registry import ARCHITECTURES
from disgorge_core.types import Array, Layer

NEVER = -1e9  # logit of a class without a record


@ARCHITECTURES.register
@dataclass(frozen=True)
class NearestMean:
    """Compares a record with the mean of each class; records can be taken out of it exactly.

    A class that has lost all its records is never the answer.
    """

    name = "nearest_mean"
    title = "Nearest class mean (closed form)"
    order = 50
    kinds = ("image", "table")
    tasks = ("classification",)

    blocks: int = param(
        64, help="Parts in which sums are kept; removal redoes touched ones", min=1, max=1024
    )

    def layers(self, shape: tuple[int, ...], outputs: int) -> tuple[Layer, ...]:
        """Layers for inputs of a shape."""
        flatten = (Layer("flatten"),) if len(shape) > 1 else ()
        return (*flatten, Layer("linear", "head", {"inputs": math.prod(shape), "outputs": outputs}))

    def solve(self, second: Array, cross: Array, task: str, l2: float) -> tuple[Array, Array]:
        """Weights (c, d) and bias (c,) from Σ [z,1] one-hotᵀ (d+1, c)."""
        count = cross[-1]
        means = (cross[:-1] / np.maximum(count, 1)).T
        bias = np.where(count > 0, -0.5 * (means**2).sum(1), NEVER)
        return np.ascontiguousarray(means), bias
