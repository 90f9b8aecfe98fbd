"""Where a classifying network's head begins: its last layers, as layers of our own, on one vector a record.

The network is watched on a few inputs. From its answer back, a layer belongs to the head if it lies
outside the library's base model and hands its output on, at most through a known activation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from disgorge_core.errors import BadModel
from disgorge_core.models.backbones.backbone import last_place
from disgorge_core.models.layers import KINDS
from disgorge_core.types import Layer

BETWEEN = ("", "relu", "tanh", "gelu", "silu", "sigmoid")  # what may stand between two layers


@dataclass(frozen=True, eq=False)
class Event:
    """One layer outside the base model, as it was run: what entered and what left, for each input."""

    name: str
    module: nn.Module
    inputs: list[Tensor]
    outputs: list[Tensor]


@dataclass(frozen=True)
class Head:
    """The layers of the head, and the module whose input they read."""

    first: str
    layers: tuple[Layer, ...]

    @property
    def weights(self) -> tuple[str, ...]:
        """Names of its weights in the network."""
        linear = [layer for layer in self.layers if layer.kind == "linear"]
        return tuple(
            f"{layer.name}.{leaf}"
            for layer in linear
            for leaf in (("weight", "bias") if layer.options["bias"] else ("weight",))
        )


def head_layers(network: nn.Module, inputs: Sequence[dict[str, Tensor]]) -> Head:
    """The head of a network that was run on some inputs; raises BadModel where it has none of the kind."""
    events, answers = _watched(network, inputs)
    chain: list[tuple[Event, str]] = []  # from the answer back: a layer, and what follows it
    wanted = answers
    for event in reversed(events):
        step = _between(event.outputs, wanted)
        if step is None or not isinstance(event.module, nn.Linear | nn.Dropout):
            break
        chain.append((event, step))
        wanted = event.inputs
    while chain and _ran_before(chain[-1][0], events):
        chain.pop()
    if not chain or not isinstance(chain[0][0].module, nn.Linear):
        raise BadModel(
            f"A {type(network).__name__[:60]} does not end in layers on one vector a record.",
            "Bring another kind of model.",
        )
    return Head(chain[-1][0].name, tuple(_layers(chain[::-1])))


def _watched(
    network: nn.Module, inputs: Sequence[dict[str, Tensor]]
) -> tuple[list[Event], list[Tensor]]:
    """The layers outside the base model in the order in which they ran, and the answers.

    Layers without weights are left out: what they did is seen between the others.
    """
    runs: list[list[tuple[str, nn.Module, Tensor, Tensor]]] = []
    base = str(getattr(network, "base_model_prefix", ""))
    leaves = [
        (name, module)
        for name, module in network.named_modules()
        if name and name.split(".")[0] != base and _counts(module)
    ]

    def note(name: str) -> Callable[..., None]:
        return lambda module, given, out: runs[-1].append((name, module, given[0], out))

    handles = [module.register_forward_hook(note(name)) for name, module in leaves]
    answers = []
    with torch.inference_mode():
        for one in inputs:
            runs.append([])
            answers.append(network(**one, return_dict=True).logits)
    for handle in handles:
        handle.remove()
    if any([n for n, *_ in run] != [n for n, *_ in runs[0]] for run in runs):
        raise BadModel("The network runs other layers for other records.", "Bring another model.")
    return [_event(same) for same in zip(*runs, strict=True)], answers


def _event(same: Any) -> Event:
    name, module, _, _ = same[0]
    return Event(name, module, [s[2] for s in same], [s[3] for s in same])


def _counts(module: nn.Module) -> bool:
    own = isinstance(module, nn.Dropout) or any(True for _ in module.parameters(recurse=False))
    return own and not list(module.children())


def _between(made: Sequence[Any], wanted: Sequence[Tensor]) -> str | None:
    """The first known activation that makes one out of the other, "" for none between; None if no one."""
    pairs = list(zip(made, wanted, strict=True))
    return next((kind for kind in BETWEEN if all(_makes(kind, *pair) for pair in pairs)), None)


def _makes(kind: str, made: Any, wanted: Tensor) -> bool:
    if not isinstance(made, Tensor) or made.ndim not in (2, 3, 4):
        return False
    found = KINDS[kind]()(made) if kind else made
    return _same(found, wanted) or _same(last_place(found), wanted)


def _same(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-5, atol=1e-6)


def _ran_before(event: Event, events: Sequence[Event]) -> bool:
    """Whether a layer at the start of the head ran elsewhere already; then its input is not the head's."""
    return next(one for one in events if one.name == event.name) is not event


def _layers(chain: Sequence[tuple[Event, str]]) -> list[Layer]:
    layers = []
    for event, activation in chain:
        module = event.module
        if isinstance(module, nn.Linear):
            sizes = {"inputs": module.in_features, "outputs": module.out_features}
            layers.append(Layer("linear", event.name, {**sizes, "bias": module.bias is not None}))
        elif isinstance(module, nn.Dropout) and module.p > 0:
            layers.append(Layer("dropout", "", {"p": float(module.p)}))
        if activation:
            layers.append(Layer(activation))
    return layers
