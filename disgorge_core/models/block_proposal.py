"""A layer list with residual blocks for a state dict whose names and shapes show them.

What the names do not say (where pictures are halved, the activation, groups of norms) is asked. Within a
block an activation stands after each norm but the last, and one after the sum (He et al. 2016, Figure 2).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from disgorge_core.models.blocks import NORMS, Block, Blocks
from disgorge_core.models.groups import Group
from disgorge_core.models.layers import ACTIVATIONS
from disgorge_core.types import Layer

STEMS = ("as it is", "stride 2", "max pooling", "stride 2, then max pooling")
FEW = 3  # shortcuts with weights up to which every choice of halving is offered


def halvings(found: Blocks) -> list[tuple[str, ...]]:
    """Which blocks may halve pictures, the usual choice first: those that widen, but for the first stage."""
    ways = [block.name for block in found.blocks if block.shortcut]
    first = found.blocks[0].name.rpartition(".")[0]
    widen = {b.name for b in found.blocks if b.shortcut and b.inputs != b.outputs}
    usual = tuple(n for n in ways if n in widen and not (first and n.startswith(f"{first}.")))
    sets = [c for size in range(len(ways) + 1) for c in combinations(ways, size)]
    others = sets if len(ways) <= FEW else [(), tuple(ways)]
    return list(dict.fromkeys([usual, *others]))


def titled(halved: Sequence[str]) -> str:
    """A choice of blocks in words."""
    return f"in {', '.join(halved)}" if halved else "in no block"


def usual_stem(found: Blocks) -> str:
    """Convolutions of 7x7 come with a stride and pooling."""
    return STEMS[3] if max(found.stem[0].kernel) > 3 else STEMS[0]


def layers_of(found: Blocks, shape: tuple[int, ...], answers: Mapping[str, Any]) -> list[Layer]:
    """The layer list under these answers, as far as it goes: sizes are checked by a trial later."""
    halved = next(h for h in halvings(found) if titled(h) == answers["halved"])
    bend = Layer(answers["activation"])
    layers = list(_stem(found.stem, answers["stem"], bend, answers))
    for block in found.blocks:
        layers += [_residual(block, block.name in halved, bend, answers), bend]
    return [*layers, *_end(found, shape, bend)]


def _stem(
    stem: Sequence[Group], how: str, bend: Layer, answers: Mapping[str, Any]
) -> Iterator[Layer]:
    for group in stem:
        first = group is stem[0] and "stride" in how
        yield _layer(group, "", 2 if first else 1, answers)
    yield bend
    if "pooling" in how:
        yield Layer("maxpool", options={"kernel": 3, "stride": 2, "padding": 1})


def _residual(block: Block, halves: bool, bend: Layer, answers: Mapping[str, Any]) -> Layer:
    wide = [g for g in block.body if g.kind == "conv2d" and max(g.kernel) > 1]
    strides = wide[0] if halves and wide else None  # in a bottleneck the 3x3 convolution strides
    body: list[Layer] = []
    for number, group in enumerate(block.body):
        if number and group.kind not in NORMS:
            body.append(bend)
        body.append(_layer(group, block.name, 2 if group is strides else 1, answers))
    short = [
        _layer(g, block.name, 2 if halves and g.kind == "conv2d" else 1, answers)
        for g in block.shortcut
    ]
    branches = {"layers": tuple(body), **({"shortcut": tuple(short)} if short else {})}
    return Layer("residual", block.name, branches)


def _layer(group: Group, block: str, stride: int, answers: Mapping[str, Any]) -> Layer:
    name = group.name.removeprefix(f"{block}.") if block else group.name
    if group.kind == "linear":
        sizes = {"inputs": group.inputs, "outputs": group.outputs, "bias": group.bias}
        return Layer("linear", name, sizes)
    if group.kind == "batchnorm":
        return Layer("batchnorm2d", name, {"channels": group.inputs})
    if group.kind == "norm":
        groups = math.gcd(int(answers["groups"]), group.inputs)
        return Layer("groupnorm", name, {"groups": groups, "channels": group.inputs})
    padding = [(k - 1) // 2 for k in group.kernel]
    same = group.kernel[0] == group.kernel[1]
    return Layer("conv2d", name, {
        "inputs": group.inputs, "outputs": group.outputs, "stride": stride, "bias": group.bias,
        "kernel": group.kernel[0] if same else list(group.kernel),
        "padding": padding[0] if same else padding,
    })  # fmt: skip


def _end(found: Blocks, shape: tuple[int, ...], bend: Layer) -> Iterator[Layer]:
    if len(shape) == 3:
        if found.end and found.end[0].inputs == found.blocks[-1].outputs:
            yield Layer("globalpool")
        yield Layer("flatten")
    for number, group in enumerate(found.end):
        if number and group.kind not in NORMS:
            yield bend
        yield _layer(group, "", 1, {"groups": 1})


def questions(found: Blocks) -> list[tuple[str, str, tuple[Any, ...]]]:
    """Key, question and choices of what the weights do not say, the usual choice first."""
    asked: list[tuple[str, str, tuple[Any, ...]]] = []
    ways, pictures = [titled(h) for h in halvings(found)], _pictures(found)
    if len(ways) > 1 and pictures:
        asked.append(("halved", "Where do the blocks halve the picture?", tuple(ways)))
    if found.stem and pictures:
        stems = [usual_stem(found), *STEMS]
        asked.append(("stem", "How does the first convolution end?", tuple(dict.fromkeys(stems))))
    asked.append(("activation", "What stands between the layers?", ACTIVATIONS))
    sizes = [g.inputs for g in _all(found) if g.kind == "norm"]
    if sizes:
        common = math.gcd(*sizes)
        choices = [d for d in range(1, common + 1) if common % d == 0]
        usual = max(d for d in choices if d <= 8)
        ask = "How many groups of channels has a norm?"
        asked.append(("groups", ask, tuple(dict.fromkeys([usual, *choices]))))
    return asked


def _pictures(found: Blocks) -> bool:
    return any(group.kind == "conv2d" for group in _all(found))


def usual_answers(found: Blocks) -> dict[str, Any]:
    """The first choice of every question."""
    base = {"halved": titled(halvings(found)[0]), "stem": STEMS[0], "groups": 1}
    return {**base, **{key: choices[0] for key, _, choices in questions(found)}}


def _all(found: Blocks) -> Iterator[Group]:
    yield from found.stem
    for block in found.blocks:
        yield from (*block.body, *block.shortcut)
    yield from found.end
