"""Layer lists as plain values, and networks from a layer list and given weights."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from disgorge_core.errors import BadModel
from disgorge_core.models.layers import (
    BRANCHES,
    KINDS,
    WITH_WEIGHTS,
    branches_of,
    build,
    flat,
    module_names,
    places,
)
from disgorge_core.types import Layer

MOST_LAYERS, DEEPEST = 1000, 4
LARGEST = {
    "kernel": 64,
    "stride": 64,
    "padding": 64,
    "before": 4096,
    "after": 4096,
}  # a padding of a million would fill the memory


def plain_layers(layers: Sequence[Layer]) -> list[dict[str, Any]]:
    """A layer list as plain values for JSON."""
    return [{"kind": x.kind, "name": x.name, "options": _plain_options(x)} for x in layers]


def _plain_options(layer: Layer) -> dict[str, Any]:
    inside = {branch: plain_layers(found) for branch, found in branches_of(layer).items() if found}
    return {**layer.options, **inside}


def layers_from_plain(value: Any) -> tuple[Layer, ...]:
    """The layer list of plain values; raises BadModel where it is none."""
    layers = _list(value, "the list", 0)
    if sum(1 for _ in flat(layers)) > MOST_LAYERS:
        raise BadModel(f"The list has more than {MOST_LAYERS:,} layers.", "Use a smaller network.")
    return layers


def _list(value: Any, where: str, depth: int) -> tuple[Layer, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= MOST_LAYERS:
        raise BadModel(
            "The layer list is not a list of layers."
            if depth == 0
            else f"A branch of {where} is not a list of layers.",
            'Write it as [{"kind": "linear", "name": "fc", "options": {"inputs": 4, "outputs": 2}}].',
        )
    return tuple(_layer(f"layer {n} of {where}", x, depth) for n, x in enumerate(value, start=1))


def _layer(where: str, item: Any, depth: int) -> Layer:
    if not isinstance(item, dict) or str(item.get("kind")) not in KINDS:
        raise BadModel(f"{_said(where)} has no known kind.", f"Known are: {', '.join(KINDS)}.")
    name, options = item.get("name") or "", item.get("options") or {}
    if not isinstance(name, str) or not isinstance(options, dict):
        raise BadModel(f"{_said(where)} is malformed.", "Give it a name and options.")
    if item["kind"] == "residual":
        return Layer("residual", name, _branches(where, options, depth))
    for option, value in options.items():
        _check_option(where, option[:40], value)
    known = inspect.signature(KINDS[item["kind"]]).parameters
    unknown = [option for option in options if option not in known]
    if unknown:
        raise BadModel(
            f"{_said(where)} cannot be built: {item['kind']} has no option {unknown[0][:40]!r}.",
            f"It knows {', '.join(known) or 'none'}.",
        )
    return Layer(item["kind"], name, options)


def _branches(where: str, options: Mapping[str, Any], depth: int) -> dict[str, Any]:
    """The branches of a residual block; an empty shortcut hands its input on."""
    if not {"layers"} <= options.keys() <= set(BRANCHES):
        raise BadModel(
            f"{_said(where)} is a residual block, whose options are layers and shortcut.",
            'Write {"kind": "residual", "options": {"layers": [...], "shortcut": [...]}}.',
        )
    if depth + 1 > DEEPEST:
        raise BadModel(f"{_said(where)} is nested too deeply.", f"Stay within {DEEPEST} levels.")
    filled = {branch: value for branch, value in options.items() if value or branch == "layers"}
    return {branch: _list(value, where, depth + 1) for branch, value in filled.items()}


def _said(where: str) -> str:
    return where[0].upper() + where[1:]


def _check_option(where: str, option: str, value: Any) -> None:
    numbers = value if isinstance(value, list) else [value]
    plain = all(isinstance(n, int | float | bool | None) for n in numbers) and len(numbers) <= 2
    limit = LARGEST.get(option, 2**31)
    if not plain or any(n is not None and not -limit <= n <= limit for n in numbers):
        raise BadModel(
            f"{_said(where)} has {option} = {str(value)[:40]!r}.",
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


def check_blocks(layers: Sequence[Layer], kind: str) -> None:
    """Raises BadModel for blocks where classes are told apart, or a table's columns come in."""
    weighty = [layer for layer in layers if layer.kind in WITH_WEIGHTS]
    if weighty and weighty[-1].kind == "residual":
        raise BadModel(
            "The layer list ends in a residual block.", "Let a linear layer give the classes."
        )
    if kind == "table" and weighty and weighty[0].kind == "residual":
        raise BadModel(
            "A residual block reads the table, whose width depends on the categories that are known.",
            "Put a linear layer before the first block.",
        )


def _refuse_taken_names(layers: Sequence[Layer]) -> None:
    for layer, name in zip(layers, module_names(layers), strict=True):
        if hasattr(nn.Sequential, name) or "." in name:
            raise BadModel(f"A layer cannot be named {name[:40]!r}.", "Give it another name.")
        for inside in branches_of(layer).values():
            _refuse_taken_names(inside)


def own_names(layers: Sequence[Layer], state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a file (under each layer's own name) under the names of the built network."""
    modules = {theirs: own for own, theirs in places(layers)}
    named = {}
    for key, value in state.items():
        prefix, _, leaf = key.rpartition(".")
        named[f"{modules.get(prefix, prefix.replace('.', '__'))}.{leaf}"] = value
    return named
