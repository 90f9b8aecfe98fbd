"""Layer lists as plain values, and networks from a layer list and given weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from disgorge_core.errors import BadModel
from disgorge_core.models.layers import KINDS, build, module_names
from disgorge_core.types import Layer

MOST_LAYERS = 1000
LARGEST = {
    "kernel": 64,
    "stride": 64,
    "padding": 64,
}  # a padding of a million would fill the memory


def plain_layers(layers: Sequence[Layer]) -> list[dict[str, Any]]:
    """A layer list as plain values for JSON."""
    return [{"kind": x.kind, "name": x.name, "options": dict(x.options)} for x in layers]


def layers_from_plain(value: Any) -> tuple[Layer, ...]:
    """The layer list of plain values; raises BadModel where it is none."""
    if not isinstance(value, list) or not 0 < len(value) <= MOST_LAYERS:
        raise BadModel(
            "The layer list is not a list of layers.",
            'Write it as [{"kind": "linear", "name": "fc", "options": {"inputs": 4, "outputs": 2}}].',
        )
    return tuple(_layer(position, item) for position, item in enumerate(value))


def _layer(position: int, item: Any) -> Layer:
    if not isinstance(item, dict) or item.get("kind") not in KINDS:
        raise BadModel(
            f"Layer {position + 1} of the list has no known kind.",
            f"Known are: {', '.join(KINDS)}.",
        )
    name, options = item.get("name") or "", item.get("options") or {}
    if not isinstance(name, str) or not isinstance(options, dict):
        raise BadModel(
            f"Layer {position + 1} of the list is malformed.", "Give it a name and options."
        )
    for option, value in options.items():
        _check_option(position, option, value)
    return Layer(item["kind"], name, options)


def _check_option(position: int, option: str, value: Any) -> None:
    numbers = value if isinstance(value, list) else [value]
    plain = all(isinstance(n, int | float | bool | None) for n in numbers) and len(numbers) <= 2
    limit = LARGEST.get(option, 2**31)
    if not plain or any(n is not None and not -limit <= n <= limit for n in numbers):
        raise BadModel(
            f"Layer {position + 1} of the list has {option} = {str(value)[:40]!r}.",
            f"Use a number up to {limit:,}.",
        )


def network_of(layers: Sequence[Layer], state: Mapping[str, Tensor]) -> nn.Sequential:
    """The network with these weights (under its own names); raises BadModel where they do not fit.

    Built without memory first: sizes in the list cost nothing until the weights are seen to fit.
    """
    _refuse_taken_names(layers)
    with torch.device("meta"):
        network = build(layers)
    expected = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    given = {name: tuple(value.shape) for name, value in state.items()}
    for name in [*expected, *given]:
        if expected.get(name) != given.get(name):
            raise BadModel(_misfit(name, expected, given), "Correct the layer list or the file.")
    network.load_state_dict(dict(state), assign=True)
    return network.eval()


def _misfit(
    name: str, expected: Mapping[str, tuple[int, ...]], given: Mapping[str, tuple[int, ...]]
) -> str:
    shown = name.replace("__", ".")[:80]
    if name not in given:
        return f"The file has no weights {shown!r}, which the layer list needs."
    if name not in expected:
        return f"The file has weights {shown!r}, which the layer list does not know."
    return f"The weights {shown!r} have shape {given[name]}, the layer list says {expected[name]}."


def _refuse_taken_names(layers: Sequence[Layer]) -> None:
    for name in module_names(layers):
        if hasattr(nn.Sequential, name) or "." in name:
            raise BadModel(f"A layer cannot be named {name[:40]!r}.", "Give it another name.")


def own_names(layers: Sequence[Layer], state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a file (under each layer's own name) under the names of the built network."""
    modules = dict(zip((layer.name for layer in layers), module_names(layers), strict=True))
    named = {}
    for key, value in state.items():
        prefix, _, leaf = key.rpartition(".")
        named[f"{modules.get(prefix, prefix.replace('.', '__'))}.{leaf}"] = value
    return named
