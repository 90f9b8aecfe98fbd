"""Every arrangement of pooling, stride and padding under which weights fit pictures of a size."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

from disgorge_core.models.groups import Group, gap
from disgorge_core.types import Layer

MOST_PLACES = 8  # places that may pool or not: 2^8 arrangements of each style
PADDINGS = ("same", "none", "first only")
STYLES = ("pool", "stride")
ENDS = ("flatten", "globalpool")


@dataclass(frozen=True)
class Arrangement:
    """A layer list that fits, in words, and how unusual it is (low is usual)."""

    title: str
    layers: tuple[Layer, ...]
    cost: float
    position: int = 0


@dataclass(frozen=True)
class _Plan:
    padding: str
    style: str
    end: str
    shrink: frozenset[int]  # groups after which (or, by stride, in which) the picture is halved


def arrangements(groups: Sequence[Group], shape: tuple[int, ...]) -> list[Arrangement]:
    """What fits, the usual first; without convolutions there is one arrangement at most."""
    found: dict[tuple[str, ...], Arrangement] = {}
    for plan in _plans(groups, len(shape) == 3):
        layers = _laid_out(groups, shape, plan)
        if layers is None:
            continue
        cost = _cost(groups, plan)
        key = tuple(map(repr, layers))
        if key not in found or cost < found[key].cost:
            found[key] = Arrangement(_title(groups, plan, layers), tuple(layers), cost)
    return sorted(found.values(), key=lambda a: a.cost)


def _plans(groups: Sequence[Group], spatial: bool) -> Iterator[_Plan]:
    if not any(group.kind == "conv2d" for group in groups):
        yield _Plan("same", "pool", "flatten", frozenset())
        return
    for padding, style, end in product(PADDINGS, STYLES, ENDS):
        places = _places(groups, style, end) if spatial else []
        options = [(True, False) if place.open else (place.usual,) for place in places]
        for choice in product(*options):
            chosen = (place.after for place, yes in zip(places, choice, strict=True) if yes)
            yield _Plan(padding, style, end, frozenset(chosen))


@dataclass(frozen=True)
class _Place:
    """Where the picture may shrink: at the end of a convolution with its norm."""

    after: int
    usual: bool  # does it shrink here, as far as numbering and channels tell?
    open: bool  # may it be otherwise?


def _places(groups: Sequence[Group], style: str, end: str) -> list[_Place]:
    ends = [
        i
        for i, (group, after) in enumerate(pairwise(groups))
        if group.kind != "linear"
        and after.kind in ("conv2d", "linear")
        and all(g.kind != "linear" for g in groups[:i])
        and any(g.kind == "conv2d" for g in groups[: i + 1])
    ]
    found = [_place(groups, i, style, end) for i in ends]
    # with too many open places those go first where the channels, too, say that nothing happens
    excess = sum(place.open for place in found) - MOST_PLACES
    plain = [p.after for p in found if p.open and not p.usual] + [p.after for p in found if p.usual]
    closed = plain[: max(0, excess)]
    return [_Place(p.after, p.usual, p.open and p.after not in closed) for p in found]


def _place(groups: Sequence[Group], i: int, style: str, end: str) -> _Place:
    """The numbering shows how many modules stand after: an activation, then pooling or dropout."""
    modules = gap(groups[i], groups[i + 1])
    if modules is None or style == "stride":
        return _Place(i, _grows(groups, i), True)
    if groups[i + 1].kind == "linear":
        modules -= 1 if end == "flatten" else 2  # that flattens, or takes the mean and flattens
    return _Place(i, modules >= 2, modules >= 2)


def _grows(groups: Sequence[Group], place: int) -> bool:
    """Do channels change after this place, as they do where pictures shrink?"""
    after = next((g for g in groups[place + 1 :] if g.kind in ("conv2d", "linear")), None)
    return after is None or after.kind == "linear" or after.outputs != groups[place].outputs


def _cost(groups: Sequence[Group], plan: _Plan) -> float:
    convs = [group for group in groups if group.kind == "conv2d"]
    small = all(max(group.kernel) <= 3 for group in convs)
    cost = {"pool": 0.0, "stride": 4.0}[plan.style]
    cost += {"same": 0.0 if small else 1.0, "none": 2.0 if small else 0.0, "first only": 5.0}[
        plan.padding
    ]
    cost += {"flatten": 0.0, "globalpool": 0.5}[plan.end]
    places = _places(groups, plan.style, plan.end)
    return cost + sum((place.after in plan.shrink) != place.usual for place in places)


def _laid_out(groups: Sequence[Group], shape: tuple[int, ...], plan: _Plan) -> list[Layer] | None:
    """The layers of a plan; None where a layer does not take what arrives."""
    layers: list[Layer] = []
    size: tuple[int, ...] | None = shape
    first = next((g for g in groups if g.kind == "conv2d"), None)
    for i, group in enumerate(groups):
        if i and _bends(groups[i - 1], group):
            layers.append(Layer("relu"))
        if plan.style == "pool" and i - 1 in plan.shrink and size is not None:
            layers.append(Layer("maxpool", options={"kernel": 2}))
            size = (size[0], size[1] // 2, size[2] // 2) if len(size) == 3 else None
        if size is None or 0 in size:
            return None
        if group.kind == "conv2d":
            size = _add_conv(layers, group, size, plan, first is group, _strides(groups, i, plan))
        elif group.kind == "linear":
            size = _add_linear(layers, group, size, plan.end)
        else:
            size = _add_norm(layers, group, size)
    return layers if size is not None else None


def _bends(before: Group, after: Group) -> bool:
    """Does an activation stand between two layers?"""
    modules = gap(before, after)
    if modules is not None:
        return modules > 0
    return after.kind not in ("norm", "batchnorm")


def _strides(groups: Sequence[Group], i: int, plan: _Plan) -> int:
    """A convolution strides if the place at the end of its block is among those that shrink."""
    if plan.style != "stride":
        return 1
    end = i
    while end + 1 < len(groups) and groups[end + 1].kind in ("norm", "batchnorm"):
        end += 1
    return 2 if end in plan.shrink else 1


def _add_conv(
    layers: list[Layer], group: Group, size: tuple[int, ...], plan: _Plan, first: bool, stride: int
) -> tuple[int, ...] | None:
    if len(size) != 3 or not group.takes(size[0]):
        return None
    padded = plan.padding == "same" or (plan.padding == "first only" and first)
    padding = [(k - 1) // 2 if padded else 0 for k in group.kernel]
    room = [s + 2 * p - k for s, p, k in zip(size[1:], padding, group.kernel, strict=True)]
    if min(room) < 0:
        return None
    options = {
        "inputs": size[0], "outputs": group.outputs, "kernel": _one(group.kernel), "stride": stride,
        "padding": _one(padding), "groups": size[0] // group.inputs, "bias": group.bias,
    }  # fmt: skip
    layers.append(Layer("conv2d", group.name, options))
    return (group.outputs, *(r // stride + 1 for r in room))


def _one(pair: Sequence[int]) -> int | list[int]:
    return pair[0] if pair[0] == pair[1] else list(pair)


def _add_linear(
    layers: list[Layer], group: Group, size: tuple[int, ...], end: str
) -> tuple[int, ...] | None:
    if len(size) == 3 and end == "globalpool" and any(x.kind == "conv2d" for x in layers):
        layers.append(Layer("globalpool"))
        size = (size[0], 1, 1)
    if len(size) == 3:
        layers.append(Layer("flatten"))
    if math.prod(size) != group.inputs:
        return None
    options = {"inputs": group.inputs, "outputs": group.outputs, "bias": group.bias}
    layers.append(Layer("linear", group.name, options))
    return (group.outputs,)


def _add_norm(layers: list[Layer], group: Group, size: tuple[int, ...]) -> tuple[int, ...] | None:
    channels = {"channels": group.inputs}
    if len(size) == 3 and size[0] != group.inputs and math.prod(size) == group.inputs:
        layers.append(Layer("flatten"))
        size = (group.inputs,)
    if size[0] != group.inputs:
        return None
    if group.kind == "batchnorm":
        layers.append(
            Layer("batchnorm2d" if len(size) == 3 else "batchnorm1d", group.name, channels)
        )
    elif len(size) == 3:
        layers.append(Layer("groupnorm", group.name, channels))
    else:
        layers.append(Layer("layernorm", group.name, channels))
    return size


def _title(groups: Sequence[Group], plan: _Plan, layers: Sequence[Layer]) -> str:
    """The arrangement in words."""
    names = [groups[i].name for i in sorted(plan.shrink)]
    word = "pooling after" if plan.style == "pool" else "stride 2 up to"
    shrink = f"{word} {', '.join(names)}" if names else "no pooling"
    padding = {
        "same": "padding keeps the size", "none": "no padding", "first only": "padding in the first only",
    }[plan.padding]  # fmt: skip
    end = "mean over places" if any(x.kind == "globalpool" for x in layers) else "flattened"
    return f"{shrink}; {padding}; {end}"
