"""What a residual network needs beyond a list of layers: the sum of two branches, and padded channels."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class UnequalBranches(ValueError):
    """Body and shortcut of a block give different shapes, which torch would stretch; says so in words."""


class Residual(nn.Module):
    """f(x) + s(x): a body and a shortcut (He et al. 2016, eq. 1 and 2); an empty shortcut is x itself."""

    def __init__(self, layers: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.layers = layers
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """The sum; raises UnequalBranches."""
        body, short = self.layers(x), self.shortcut(x)
        if body.shape != short.shape:
            raise UnequalBranches(
                f"the body of a residual block gives {tuple(body.shape[1:])}, its shortcut"
                f" {tuple(short.shape[1:])}"
            )
        return body + short


class PadChannels(nn.Module):
    """Channels of zeros before and after those of pictures (n, c, h, w): He et al. 2016, shortcut A."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.sides = (0, 0, 0, 0, before, after)

    def forward(self, x: Tensor) -> Tensor:
        """Pad."""
        return functional.pad(x, self.sides)
