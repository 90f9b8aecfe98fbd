"""A multi-layer perceptron: linear layers with an activation between them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from disgorge_core.params import param
from disgorge_core.registry import ARCHITECTURES
from disgorge_core.types import Layer


@ARCHITECTURES.register
@dataclass(frozen=True)
class Mlp:
    """Fully connected layers of one width; many of them train together at little extra cost."""

    name = "mlp"
    title = "Multi-layer perceptron"
    order = 20
    kinds = ("image", "table")
    tasks = ("classification", "regression")

    width: int = param(64, help="Units of each hidden layer", min=1, max=8192)
    depth: int = param(1, help="Hidden layers", min=1, max=16)
    activation: str = param(
        "relu", help="What bends the function", choices=("relu", "gelu", "silu", "tanh")
    )
    dropout: float = param(0.0, help="Share of units silenced in a step", min=0, max=0.9)

    def layers(self, shape: tuple[int, ...], outputs: int) -> tuple[Layer, ...]:
        """Layers for inputs of a shape."""
        found = [Layer("flatten")] if len(shape) > 1 else []
        inputs = math.prod(shape)
        for number in range(self.depth):
            sizes = {"inputs": inputs, "outputs": self.width}
            found += [Layer("linear", f"hidden.{number}", sizes), Layer(self.activation)]
            found += [Layer("dropout", options={"p": self.dropout})] if self.dropout else []
            inputs = self.width
        return (*found, Layer("linear", "head", {"inputs": inputs, "outputs": outputs}))
