"""One linear layer: logistic regression for classes, least squares for values, trained by gradient."""

from __future__ import annotations

import math
from dataclasses import dataclass

from disgorge_core.registry import ARCHITECTURES
from disgorge_core.types import Layer


@ARCHITECTURES.register
@dataclass(frozen=True)
class Linear:
    """A weight for each input and class; its loss has one minimum, which the bounds of methods need."""

    name = "linear"
    title = "Linear model"
    order = 10
    kinds = ("image", "table")
    tasks = ("classification", "regression")

    def layers(self, shape: tuple[int, ...], outputs: int) -> tuple[Layer, ...]:
        """Layers for inputs of a shape."""
        sizes = {"inputs": math.prod(shape), "outputs": outputs}
        flatten = (Layer("flatten"),) if len(shape) > 1 else ()
        return (*flatten, Layer("linear", "head", sizes))
