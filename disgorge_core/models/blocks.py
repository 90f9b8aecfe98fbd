"""Residual blocks in the names and shapes of a state dict: for certain, or as a suspicion.

A block is certain where a shortcut has weights of its own (`layer2.0.downsample.0`): then the blocks
beside it with the same names inside are blocks too, and every size must follow from the one before.
Without such weights two layers that keep their channels may as well stand one after the other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from disgorge_core.models.groups import Group

SHORTCUT = re.compile(r"(downsample|shortcut|skip|identity)[^.]*", re.IGNORECASE)
MOST_INSIDE = 4  # layers that multiply, in one block
NORMS = ("norm", "batchnorm")


@dataclass(frozen=True)
class Block:
    """One block: the layers of its body and of its shortcut, in the order of the network."""

    name: str
    body: tuple[Group, ...]
    shortcut: tuple[Group, ...] = ()

    @property
    def inputs(self) -> int:
        """Channels that enter."""
        return self.body[0].inputs

    @property
    def outputs(self) -> int:
        """Channels that leave."""
        return [group for group in self.body if group.kind not in NORMS][-1].outputs


@dataclass(frozen=True)
class Blocks:
    """Layers before the blocks, the blocks, layers after them; `certain` if nothing else fits."""

    stem: tuple[Group, ...]
    blocks: tuple[Block, ...]
    end: tuple[Group, ...]
    certain: bool


def blocks_of(groups: Sequence[Group], ordered: bool) -> Blocks | None:
    """The residual blocks of a file's layers; None where nothing looks like one."""
    marked = {found[0] for group in groups if (found := _shortcut(group)) is not None}
    names = _like(groups, marked) if marked else _suspects(groups)
    if not names:
        return None
    blocks = [_block(name, groups, ordered) for name in names]
    inside = {group.name for block in blocks for group in (*block.body, *block.shortcut)}
    stem, end = _around([g for g in groups if g.name not in inside], groups, inside, ordered)
    certain = bool(marked) and bool(stem) and _follows(stem, blocks, end)
    return Blocks(tuple(stem), tuple(blocks), tuple(end), certain)


def _shortcut(group: Group) -> tuple[str, str] | None:
    """The block whose shortcut a layer is in, and its name there."""
    parts = group.name.split(".")
    for place, part in enumerate(parts[1:], start=1):
        if SHORTCUT.fullmatch(part):
            return ".".join(parts[:place]), ".".join(parts[place:])
    return None


def _below(groups: Sequence[Group]) -> dict[str, list[Group]]:
    """The layers below each prefix of a name, shortcuts apart."""
    found: dict[str, list[Group]] = {}
    for group in groups:
        parts = group.name.split(".")
        if _shortcut(group) is None:
            for place in range(1, len(parts)):
                found.setdefault(".".join(parts[:place]), []).append(group)
    return found


def _inner(name: str, inside: Sequence[Group]) -> frozenset[str]:
    return frozenset(group.name[len(name) + 1 :] for group in inside)


def _like(groups: Sequence[Group], marked: set[str]) -> list[str]:
    """The marked blocks and those with the same names inside, in natural order."""
    below = _below(groups)
    patterns = {_inner(name, below[name]) for name in marked if name in below}
    found = {name for name, inside in below.items() if _inner(name, inside) in patterns}
    return sorted(found | (marked & below.keys()), key=natural)


def _suspects(groups: Sequence[Group]) -> list[str]:
    """Prefixes with a few layers that keep their width, alike in pairs or with names (conv1, conv2)."""
    found: dict[str, frozenset[str]] = {}
    for name, inside in _below(groups).items():
        multiply = [group for group in inside if group.kind not in NORMS]
        keeps = len({g.kind for g in multiply}) == 1 and multiply[0].inputs == multiply[-1].outputs
        if 2 <= len(multiply) <= MOST_INSIDE and keeps:
            found[name] = _inner(name, inside)
    deepest = [n for n in found if not any(o.startswith(f"{n}.") for o in found)]
    alike = [n for n in deepest if _named(found[n]) or list(found.values()).count(found[n]) > 1]
    return sorted(alike, key=natural)


def _named(inner: frozenset[str]) -> bool:
    return all(not name.split(".")[0].isdecimal() for name in inner)


def _block(name: str, groups: Sequence[Group], ordered: bool) -> Block:
    body = [g for g in groups if g.name.startswith(f"{name}.") and _shortcut(g) is None]
    short = [g for g in groups if (found := _shortcut(g)) is not None and found[0] == name]
    if not ordered:  # conv1, bn1, conv2, bn2: by number, a norm after what it follows
        body.sort(key=lambda g: (_numbers(g.name), g.kind in NORMS))
        short.sort(key=lambda g: (_numbers(g.name), g.kind in NORMS))
    return Block(name, tuple(body), tuple(short))


def natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts numbers in names as numbers."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts if part]


def _numbers(name: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", name)]


def _around(
    rest: Sequence[Group], groups: Sequence[Group], inside: set[str], ordered: bool
) -> tuple[list[Group], list[Group]]:
    """What stands before the blocks and after them; without order, all but linear layers are before."""
    if ordered:
        first = next(i for i, group in enumerate(groups) if group.name in inside)
        before = {group.name for group in groups[:first]}
    else:
        rest = sorted(rest, key=lambda g: (g.kind in NORMS, natural(g.name)))
        before = {group.name for group in rest if group.kind != "linear"}
    return [g for g in rest if g.name in before], [g for g in rest if g.name not in before]


def _follows(stem: Sequence[Group], blocks: Sequence[Block], end: Sequence[Group]) -> bool:
    """Whether each layer takes what the one before gives, and the shortcuts join where they must."""
    width = _through(stem, stem[0].inputs)
    for block in blocks:
        if width is None or not block.body or block.body[0].kind in NORMS:
            return False
        after = _through(block.body, width)
        joined = _through(block.shortcut, width) if block.shortcut else width
        if after is None or after != joined:
            return False
        width = after
    linear = all(group.kind == "linear" for group in end)
    return width is not None and bool(end) and linear and end[0].inputs % width == 0


def _through(groups: Sequence[Group], width: int) -> int | None:
    """The width after these layers; None where one does not take what arrives."""
    for group in groups:
        if group.inputs != width:
            return None
        width = group.outputs
    return width
