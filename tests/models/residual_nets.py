"""Residual networks in plain torch, and the layer list of one of them as a user writes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


def batch_norm(channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels)


def group_norm(channels: int) -> nn.Module:
    return nn.GroupNorm(2, channels)


class Basic(nn.Module):
    """He et al. 2016: two 3x3 convolutions and a shortcut, under the usual names."""

    def __init__(self, a: int, b: int, stride: int, norm: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(a, b, 3, stride, 1, bias=False), norm(b)
        self.conv2, self.bn2 = nn.Conv2d(b, b, 3, 1, 1, bias=False), norm(b)
        self.downsample = None
        if stride > 1 or a != b:
            self.downsample = nn.Sequential(nn.Conv2d(a, b, 1, stride, bias=False), norm(b))

    def forward(self, x: Tensor) -> Tensor:
        short = x if self.downsample is None else self.downsample(x)
        return torch.relu(self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x))))) + short)


class Bottleneck(nn.Module):
    """1x1, 3x3 (which strides), 1x1."""

    def __init__(self, a: int, b: int, stride: int, norm: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(a, b // 2, 1, bias=False), norm(b // 2)
        self.conv2, self.bn2 = nn.Conv2d(b // 2, b // 2, 3, stride, 1, bias=False), norm(b // 2)
        self.conv3, self.bn3 = nn.Conv2d(b // 2, b, 1, bias=False), norm(b)
        self.downsample = None
        if stride > 1 or a != b:
            self.downsample = nn.Sequential(nn.Conv2d(a, b, 1, stride, bias=False), norm(b))

    def forward(self, x: Tensor) -> Tensor:
        short = x if self.downsample is None else self.downsample(x)
        h = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn3(self.conv3(torch.relu(self.bn2(self.conv2(h))))) + short)


class ResNet(nn.Module):
    """A stem, stages of two blocks, the mean over places, a linear layer."""

    def __init__(
        self, norm: Callable[[int], nn.Module] = batch_norm, block: Any = Basic,
        widths: tuple[int, ...] = (4, 8), channels: int = 1, classes: int = 10, large: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        kernel, stride, padding = (7, 2, 3) if large else (3, 1, 1)
        self.conv1 = nn.Conv2d(channels, 4, kernel, stride, padding, bias=False)
        self.bn1, self.large = norm(4), large
        inputs = 4
        for number, width in enumerate(widths, start=1):
            blocks = [
                block(inputs, width, 1 if number == 1 else 2, norm),
                block(width, width, 1, norm),
            ]
            self.add_module(f"layer{number}", nn.Sequential(*blocks))
            inputs = width
        self.stages = len(widths)
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.bn1(self.conv1(x)))
        x = torch.max_pool2d(x, 3, 2, 1) if self.large else x
        for number in range(1, self.stages + 1):
            x = getattr(self, f"layer{number}")(x)
        return self.fc(x.mean((2, 3)))


class Even(nn.Module):
    """A stem and two blocks of equal channels, whose sums no weight shows."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, 1, 1)
        self.blocks = nn.Sequential(Basic(4, 4, 1, batch_norm), Basic(4, 4, 1, batch_norm))
        self.head = nn.Linear(4, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(torch.relu(self.stem(x))).mean((2, 3)))


def made(network: nn.Module, side: int = 8, channels: int = 1) -> nn.Module:
    """With weights from seed 0 and running statistics that have moved."""
    torch.manual_seed(0)
    for module in network.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
    network.train()
    with torch.no_grad():
        network(torch.rand(32, channels, side, side))
    return network.eval()


def conv(name: str, a: int, b: int, kernel: int = 3, stride: int = 1) -> dict[str, Any]:
    sizes = {"inputs": a, "outputs": b, "kernel": kernel, "stride": stride}
    return {
        "kind": "conv2d",
        "name": name,
        "options": {**sizes, "padding": kernel // 2, "bias": False},
    }


def layer_list(norm: str) -> list[dict[str, Any]]:
    """The list of `ResNet` with widths (4, 8), as one writes it by hand."""
    extra = {"groups": 2} if norm == "groupnorm" else {}

    def normed(name: str, channels: int) -> dict[str, Any]:
        return {"kind": norm, "name": name, "options": {"channels": channels, **extra}}

    def block(name: str, a: int, b: int, stride: int) -> list[dict[str, Any]]:
        body = [conv("conv1", a, b, 3, stride), normed("bn1", b), {"kind": "relu"},
                conv("conv2", b, b), normed("bn2", b)]  # fmt: skip
        short = [conv("downsample.0", a, b, 1, stride), normed("downsample.1", b)]
        options = {"layers": body, **({"shortcut": short} if a != b else {})}
        return [{"kind": "residual", "name": name, "options": options}, {"kind": "relu"}]

    return [
        conv("conv1", 1, 4), normed("bn1", 4), {"kind": "relu"},
        *block("layer1.0", 4, 4, 1), *block("layer1.1", 4, 4, 1),
        *block("layer2.0", 4, 8, 2), *block("layer2.1", 8, 8, 1),
        {"kind": "globalpool"}, {"kind": "flatten"},
        {"kind": "linear", "name": "fc", "options": {"inputs": 8, "outputs": 10}},
    ]  # fmt: skip
