"""A layer list for weights of unknown origin, from the names and shapes of a state dict.

Weights do not say where activations, pooling, strides and padding stand. What follows from the shapes
and from gaps in the numbering (`features.0`, `features.3`: two modules without weights between) is
taken; every arrangement that fits is listed; the rest are questions with a default. Residual blocks are
laid out where they are certain (`blocks`), else a layer list is asked for.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from disgorge_core.errors import BadModel
from disgorge_core.models import block_proposal
from disgorge_core.models.arrangements import Arrangement, arrangements
from disgorge_core.models.blocks import Blocks, blocks_of
from disgorge_core.models.blueprint import plain_layers
from disgorge_core.models.groups import REMEDY, Group, groups_of, in_order
from disgorge_core.models.layers import ACTIVATIONS
from disgorge_core.types import Layer

MOST_CHOICES = 24


@dataclass(frozen=True)
class Unknown:
    """What the weights do not say: answer by `key`; `position` is the layer that it is about."""

    key: str
    question: str
    position: int
    choices: tuple[Any, ...]
    default: Any


@dataclass(frozen=True)
class Proposal:
    """A layer list that fits the weights, with what was assumed; `with_answers` gives another one."""

    layers: tuple[Layer, ...]
    unknowns: tuple[Unknown, ...]
    notes: tuple[str, ...]
    shape: tuple[int, ...]
    again: Callable[[dict[str, Any]], Proposal] = field(repr=False)
    answers: Mapping[str, Any] = field(default_factory=dict)

    def with_answers(self, answers: Mapping[str, Any]) -> Proposal:
        """The proposal with these answers, by the key of each unknown; "groups" answers for all norms.

        Raises BadModel for answers that are no choice.
        """
        known = {u.key: u for u in self.unknowns}
        for key, value in answers.items():
            unknown = known.get(key)
            if key != "groups" and (unknown is None or value not in unknown.choices):
                raise BadModel(
                    f"{str(value)[:40]!r} is no answer to {key[:40]!r}.",
                    f"Choose one of {list(unknown.choices) if unknown else list(known)}.",
                )
        return self.again({**self.answers, **answers})


class LooksResidual(BadModel):
    """The names look like residual blocks, but do not settle how they are built.

    `sample` is the JSON of a layer list to begin with: what usual blocks of these names would be.
    """

    def __init__(self, problem: str, remedy: str = "", sample: str = "") -> None:
        super().__init__(problem, remedy)
        self.sample = sample

    def __reduce__(self) -> Any:
        """Travel whole between processes."""
        return type(self), (self.problem, self.remedy, self.sample)


def propose(
    shapes: Mapping[str, tuple[int, ...]],
    shape: tuple[int, ...],
    outputs: int,
    *,
    ordered: bool = True,
) -> Proposal:
    """A layer list for weights of these shapes.

    `shape` of one network input: (channels, height, width) or (columns,); `outputs` that the last layer
    must give. Raises BadModel where no plain list of layers fits.
    """
    groups = groups_of(shapes)
    notes = tuple(_prefix_notes(groups))
    blocks = blocks_of(groups, ordered)
    if blocks is not None:
        return _with_blocks(blocks, shape, outputs, notes)
    if not ordered:
        groups = in_order(groups, shape, outputs)
    _check_head(groups, outputs)
    return _proposed(tuple(groups), shape, {}, notes)


def _with_blocks(
    blocks: Blocks, shape: tuple[int, ...], outputs: int, notes: tuple[str, ...]
) -> Proposal:
    if blocks.certain:
        _check_head(blocks.end, outputs)
        return _blocks_proposed(blocks, shape, {}, notes)
    some = ", ".join(block.name for block in blocks.blocks[:3])
    layers = block_proposal.layers_of(blocks, shape, block_proposal.usual_answers(blocks))
    raise LooksResidual(
        f"The names look like residual blocks ({some[:80]}), whose sums the weights do not show.",
        "Give a layer list that says where the blocks begin and end.",
        json.dumps(plain_layers(layers), indent=1),
    )


def _blocks_proposed(
    blocks: Blocks, shape: tuple[int, ...], answers: dict[str, Any], notes: tuple[str, ...]
) -> Proposal:
    full = {**block_proposal.usual_answers(blocks), **answers}
    layers = tuple(block_proposal.layers_of(blocks, shape, full))
    unknowns = tuple(
        Unknown(key, question, 0, choices, choices[0])
        for key, question, choices in block_proposal.questions(blocks)
    )
    said = f"{len(blocks.blocks)} residual blocks were recognised by the shortcuts among the names."
    return Proposal(
        layers, unknowns, (*notes, said), shape,
        lambda found: _blocks_proposed(blocks, shape, found, notes), answers,
    )  # fmt: skip


def _check_head(groups: Sequence[Group], outputs: int) -> None:
    last = groups[-1]
    if last.kind != "linear":
        raise BadModel(f"The network ends in {last.name[:80]!r}, not in a linear layer.", REMEDY)
    if last.outputs == 1 and outputs == 2:
        raise BadModel(
            "The network gives 1 number for 2 classes.",
            "Give it two outputs: weight = cat([0 * weight, weight]), the same for the bias.",
        )
    if last.outputs != outputs:
        raise BadModel(
            f"The last layer {last.name[:80]!r} gives {last.outputs:,} numbers, the dataset needs"
            f" {outputs:,}.",
            "Choose the dataset that the model was trained for.",
        )


def _prefix_notes(groups: Sequence[Group]) -> list[str]:
    return [
        f"The names begin with {prefix!r}, which a wrapper of the network added; they were kept."
        for prefix in ("module.", "_orig_mod.")
        if all(group.name.startswith(prefix) for group in groups)
    ]


def _proposed(
    groups: tuple[Group, ...],
    shape: tuple[int, ...],
    answers: dict[str, Any],
    notes: tuple[str, ...],
) -> Proposal:
    found = arrangements(groups, shape)
    if not found:
        raise BadModel(_misfit(groups, shape), REMEDY)
    offered = {a.title: a for a in found[:MOST_CHOICES]}
    chosen = offered[answers.get("arrangement", next(iter(offered)))]
    layers = tuple(_filled(layer, answers) for layer in chosen.layers)
    unknowns = _unknowns(layers, chosen, list(offered))
    return Proposal(
        layers, tuple(unknowns), notes, shape,
        lambda found: _proposed(groups, shape, found, notes), answers,
    )  # fmt: skip


def _filled(layer: Layer, answers: Mapping[str, Any]) -> Layer:
    """The arrangement's layer with the answers put in."""
    if layer.kind == "relu":
        return Layer(answers.get("activation", "relu"))
    if layer.kind == "maxpool":
        return Layer(answers.get("pooling", "maxpool"), options=layer.options)
    if layer.kind == "groupnorm":
        channels = layer.options["channels"]
        groups = answers.get(f"groups:{layer.name}", answers.get("groups", _usual_groups(channels)))
        if not isinstance(groups, int) or groups < 1 or channels % groups:
            raise BadModel(
                f"{str(groups)[:20]!r} groups do not divide the {channels:,} channels of"
                f" {layer.name[:80]!r}.",
                f"Choose one of {_divisors(channels)}.",
            )
        return Layer("groupnorm", layer.name, {"groups": groups, "channels": channels})
    return layer


def _usual_groups(channels: int) -> int:
    return max(groups for groups in (1, 2, 4, 8) if channels % groups == 0)


def _divisors(number: int) -> list[int]:
    return [d for d in range(1, number + 1) if number % d == 0]


def _unknowns(layers: Sequence[Layer], chosen: Arrangement, titles: list[str]) -> list[Unknown]:
    kinds = [layer.kind for layer in layers]
    found = []
    if len(titles) > 1:
        found.append(
            Unknown(
                "arrangement",
                "How does the picture shrink?",
                chosen.position,
                tuple(titles),
                titles[0],
            )
        )
    bends = [i for i, kind in enumerate(kinds) if kind in ACTIVATIONS]
    if bends:
        found.append(
            Unknown("activation", "What stands between the layers?", bends[0], ACTIVATIONS, "relu")
        )
    pools = [i for i, kind in enumerate(kinds) if kind in ("maxpool", "avgpool")]
    if pools:
        both = ("maxpool", "avgpool")
        found.append(Unknown("pooling", "How does it pool?", pools[0], both, "maxpool"))
    return found + [_groups_unknown(i, layers[i]) for i, k in enumerate(kinds) if k == "groupnorm"]


def _groups_unknown(position: int, layer: Layer) -> Unknown:
    channels = layer.options["channels"]
    return Unknown(
        f"groups:{layer.name}",
        f"How many groups of channels has the norm {layer.name!r}?",
        position,
        tuple(_divisors(channels)),
        _usual_groups(channels),
    )


def _misfit(groups: Sequence[Group], shape: tuple[int, ...]) -> str:
    """The first layer that does not take what arrives; or that no arrangement of pooling fits."""
    width, spatial = shape[0], len(shape) == 3
    for group in groups:
        flat = math.prod(shape) if group is groups[0] else width
        if group.kind == "linear" and spatial:
            if any(g.kind == "conv2d" for g in groups[: groups.index(group)]):
                return (
                    f"No arrangement of pooling, stride and padding makes pictures of"
                    f" {shape[1]}x{shape[2]} fit {group.name[:80]!r}, which takes {group.inputs:,} numbers."
                )
            width, spatial = flat, False
        if group.kind == "conv2d" and not (spatial and group.takes(width)):
            return (
                f"The layer {group.name[:80]!r} takes {group.inputs:,} channels,"
                f" but {width:,} {'channels' if spatial else 'numbers'} arrive."
            )
        if group.kind != "conv2d" and group.inputs != width:
            return f"The layer {group.name[:80]!r} takes {group.inputs:,} numbers, but {width:,} arrive."
        width = group.outputs
    return "The layers do not follow each other."
