"""A small convolutional network: three blocks of convolution, group norm and ReLU, then a linear head."""

from __future__ import annotations

from dataclasses import dataclass

from disgorge_core.errors import BadModel
from disgorge_core.params import param
from disgorge_core.registry import ARCHITECTURES
from disgorge_core.types import Layer

SMALLEST = 4  # a picture's side is halved while it is larger than this


@ARCHITECTURES.register
@dataclass(frozen=True)
class Cnn:
    """Convolutions that double their channels while the picture shrinks, then the mean over places.

    Group norm (Wu & He 2018) sees one record at a time, so no record leaves a trace in another's norm.
    """

    name = "cnn"
    title = "Convolutional network"
    order = 30
    kinds = ("image",)
    tasks = ("classification",)

    width: int = param(24, help="Channels of the first block", min=4, max=512)
    blocks: int = param(3, help="Blocks of convolution, norm, ReLU", min=1, max=6)
    places: str = param(
        "mean",
        help="Whether the head sees the mean over places or each place",
        choices=("mean", "each"),
    )

    def layers(self, shape: tuple[int, ...], outputs: int) -> tuple[Layer, ...]:
        """Layers for pictures (channels, height, width); raises BadModel for tables."""
        if len(shape) != 3:
            raise BadModel("A convolutional network needs pictures.", "Choose mlp or linear.")
        channels, side, found = shape[0], min(shape[1:]), []
        for number in range(self.blocks):
            width = self.width * 2**number
            found += _block(number, channels, width)
            found += [Layer("maxpool")] if side > SMALLEST else []
            side, channels = (side // 2 if side > SMALLEST else side), width
        found += [Layer("globalpool")] if self.places == "mean" else []
        inputs = channels * (1 if self.places == "mean" else _places(shape, found))
        head = Layer("linear", "head", {"inputs": inputs, "outputs": outputs})
        return (*found, Layer("flatten"), head)


def _block(number: int, channels: int, width: int) -> list[Layer]:
    groups = max(g for g in (1, 2, 4) if width % g == 0)
    return [
        Layer("conv2d", f"conv.{number}", {"inputs": channels, "outputs": width}),
        Layer("groupnorm", f"norm.{number}", {"groups": groups, "channels": width}),
        Layer("relu"),
    ]


def _places(shape: tuple[int, ...], layers: list[Layer]) -> int:
    halvings = sum(layer.kind == "maxpool" for layer in layers)
    height, width = (side >> halvings for side in shape[1:])
    return height * width
