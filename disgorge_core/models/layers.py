"""Feed-forward networks as lists of layers, residual blocks among them: build, initialise, name weights."""

from __future__ import annotations

import inspect
import math
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from disgorge_core.errors import BadModel
from disgorge_core.models.residual import PadChannels, Residual
from disgorge_core.types import Layer

Options = Mapping[str, Any]


class WordMean(nn.Embedding):
    """Mean of the vectors of a record's words (n, words) → (n, d), times the root of how many there are.

    Number 0 stands for no word. A bare mean of many vectors is small, and learns slowly.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Word numbers to one vector; a record without a word gives zeros."""
        return self.pooled(super().forward(x), x)

    def pooled(self, vectors: Tensor, x: Tensor) -> Tensor:
        """Sum (n, d) of word vectors (n, words, d) over the root of how many words there are."""
        real = (x != 0).unsqueeze(-1).to(vectors.dtype)
        return (vectors * real).sum(1) / real.sum(1).clamp(min=1).sqrt()

    def shares(self, x: Tensor) -> Tensor:
        """What each word (n, number of words) counts for in a record: the output is shares @ weight."""
        real = (x != 0).to(self.weight.dtype)
        each = real / real.sum(1, keepdim=True).clamp(min=1).sqrt()
        return each.new_zeros(len(x), self.num_embeddings).scatter_add_(1, x, each)


class UnitBall(nn.Module):
    """Records (n, d) longer than 1 are shortened to it: each alone, so nothing is fitted to data."""

    def __init__(self, reach: float = 1.0) -> None:
        super().__init__()
        self.reach = reach

    def forward(self, x: Tensor) -> Tensor:
        """x / max(1, ‖x‖), times the length that records may have."""
        return x * (self.reach / x.norm(dim=1, keepdim=True).clamp(min=1))


KINDS: dict[str, Callable[..., nn.Module]] = {
    "linear": lambda inputs, outputs, bias=True: nn.Linear(inputs, outputs, bias=bias),
    "conv2d": lambda inputs, outputs, kernel=3, stride=1, padding=1, groups=1, bias=True: nn.Conv2d(
        inputs, outputs, kernel, stride, padding, groups=groups, bias=bias
    ),
    "groupnorm": lambda groups, channels, eps=1e-5: nn.GroupNorm(groups, channels, eps),
    "batchnorm1d": lambda channels, eps=1e-5, momentum=0.1: nn.BatchNorm1d(channels, eps, momentum),
    "batchnorm2d": lambda channels, eps=1e-5, momentum=0.1: nn.BatchNorm2d(channels, eps, momentum),
    "layernorm": lambda channels, eps=1e-5: nn.LayerNorm(channels, eps),
    "word_mean": lambda words, channels: WordMean(words, channels),
    "relu": lambda: nn.ReLU(),
    "leaky_relu": lambda slope=0.01: nn.LeakyReLU(slope),
    "gelu": lambda: nn.GELU(),
    "silu": lambda: nn.SiLU(),
    "tanh": lambda: nn.Tanh(),
    "sigmoid": lambda: nn.Sigmoid(),
    "flatten": lambda: nn.Flatten(),
    "unit_ball": lambda reach=1.0: UnitBall(reach),
    "maxpool": lambda kernel=2, stride=None, padding=0: nn.MaxPool2d(kernel, stride, padding),
    "avgpool": lambda kernel=2, stride=None, padding=0: nn.AvgPool2d(kernel, stride, padding),
    "globalpool": lambda: nn.AdaptiveAvgPool2d(1),
    "pad_channels": lambda before=0, after=0: PadChannels(before, after),
    "dropout": lambda p=0.5: nn.Dropout(p),
    "residual": lambda layers, shortcut=(): Residual(build(layers), build(shortcut)),
}

ACTIVATIONS = ("relu", "leaky_relu", "gelu", "silu", "tanh", "sigmoid")
WITH_WEIGHTS = (
    "linear", "conv2d", "groupnorm", "batchnorm1d", "batchnorm2d", "layernorm", "word_mean",
    "residual",
)  # fmt: skip
BRANCHES = ("layers", "shortcut")  # options of a residual block that are layer lists themselves


def module_names(layers: Sequence[Layer]) -> list[str]:
    """A valid and unique module name for each layer: its own without dots, else kind and position."""
    return [
        layer.name.replace(".", "__") if layer.name else f"{layer.kind}_{position}"
        for position, layer in enumerate(layers)
    ]


def build(layers: Sequence[Layer]) -> nn.Sequential:
    """The network of a layer list, with torch's own (global) initialisation not yet replaced."""
    names = module_names(layers)
    if len(set(names)) != len(names):
        raise BadModel("Two layers of the list have the same name.", "Give each its own name.")
    return nn.Sequential(OrderedDict(zip(names, map(_module, layers), strict=True)))


def for_width(layers: Sequence[Layer], shape: tuple[int, ...]) -> tuple[Layer, ...]:
    """The layer list with its first weights as wide as the input; pictures change nothing.

    Models of one dataset differ in width where they have not seen the same categories or words.
    """
    kind, option = {1: ("linear", "inputs"), 2: ("word_mean", "words")}.get(len(shape), ("", ""))
    first = next((i for i, layer in enumerate(layers) if layer.kind == kind), None)
    if first is None:
        return tuple(layers)
    wide = replace(layers[first], options={**layers[first].options, option: shape[-1]})
    return (*layers[:first], wide, *layers[first + 1 :])


def _module(layer: Layer) -> nn.Module:
    if layer.kind not in KINDS:
        raise BadModel(
            f"There is no layer of kind {layer.kind!r}.", f"Known are: {', '.join(KINDS)}."
        )
    try:
        return KINDS[layer.kind](**layer.options)
    except (TypeError, ValueError, RuntimeError, ArithmeticError):
        known = ", ".join(inspect.signature(KINDS[layer.kind]).parameters) or "no options"
        raise BadModel(
            f"The layer {(layer.name or layer.kind)[:40]!r} cannot be built with"
            f" {str(dict(layer.options))[:80]!r}.",
            f"Correct its options in the layer list; {layer.kind} knows {known}.",
        ) from None


def initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Draw fresh weights from one generator: uniform ±1/√fan_in, norms at 1 and 0, words at 0.

    The vectors of words are drawn by whoever knows the words (`training.task`).
    """
    with torch.no_grad():
        for module in network.modules():
            _initialise_one(module, generator)


def _initialise_one(module: nn.Module, generator: torch.Generator) -> None:
    if isinstance(module, nn.Linear | nn.Conv2d):
        bound = 1 / math.sqrt(max(1, module.weight[0].numel()))
        module.weight.uniform_(-bound, bound, generator=generator)
        if module.bias is not None:
            module.bias.uniform_(-bound, bound, generator=generator)
    elif isinstance(module, WordMean):
        module.weight.zero_()
    elif isinstance(module, nn.GroupNorm | nn.LayerNorm | nn.BatchNorm1d | nn.BatchNorm2d):
        module.reset_parameters()


def branches_of(layer: Layer) -> dict[str, Sequence[Layer]]:
    """The layer lists inside a residual block, by name; other layers have none."""
    if layer.kind != "residual":
        return {}
    return {branch: layer.options.get(branch, ()) for branch in BRANCHES}


def flat(layers: Sequence[Layer]) -> Iterator[Layer]:
    """All layers, those inside residual blocks after the block that holds them."""
    for layer in layers:
        yield layer
        for inside in branches_of(layer).values():
            yield from flat(inside)


def places(layers: Sequence[Layer], own: str = "", theirs: str = "") -> Iterator[tuple[str, str]]:
    """For each layer with weights its path in the network and the prefix of its weights in the file.

    Names inside a residual block follow the name of the block, if it has one.
    """
    for layer, module in zip(layers, module_names(layers), strict=True):
        name = f"{theirs}.{layer.name}" if theirs and layer.name else theirs or layer.name
        for branch, inside in branches_of(layer).items():
            yield from places(inside, f"{own}{module}.{branch}.", name)
        if layer.kind in WITH_WEIGHTS and layer.kind != "residual":
            yield f"{own}{module}", name


def state_as_it_came(layers: Sequence[Layer], network: nn.Module) -> dict[str, Tensor]:
    """The state dict under the names of the file that the network came from."""
    original = {own: theirs or own for own, theirs in places(layers)}
    return {_renamed(key, original): value for key, value in network.state_dict().items()}


def _renamed(key: str, original: Mapping[str, str]) -> str:
    module, _, weight = key.rpartition(".")
    return f"{original[module]}.{weight}"


def head_of(network: nn.Module) -> nn.Linear:
    """The last linear layer; raises BadModel where there is none."""
    linear = [m for m in network.modules() if isinstance(m, nn.Linear)]
    if not linear:
        raise BadModel("The network has no linear layer.", "Use a network that ends in one.")
    return linear[-1]
