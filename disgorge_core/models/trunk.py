"""The layers before the head: whether networks share them, and what they give for records."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from disgorge_core.models.layers import head_of
from disgorge_core.models.prediction import inputs
from disgorge_core.types import Member, Preprocessing


class Reads(Protocol):
    """A network, and how raw records become its input."""

    @property
    def network(self) -> nn.Module:
        """The network."""
        ...

    @property
    def preprocessing(self) -> Preprocessing:
        """How it reads."""
        ...


def split(network: nn.Module) -> tuple[nn.Sequential, nn.Linear] | None:
    """The layers before a linear head, and the head; None for a network that does not end in one."""
    children = dict(network.named_children()) if isinstance(network, nn.Sequential) else {}
    if not children:
        return None
    _, head = children.popitem()
    trunk = nn.Sequential(OrderedDict(children)).train(network.training)
    return (trunk, head) if isinstance(head, nn.Linear) else None


def mark(of: Reads) -> bytes:
    """Equal for networks of one layer list that see the same of each record before their heads, bit for bit.

    Empty for a network that does not end in a linear head.
    """
    parts = split(of.network)
    if parts is None:
        return b""
    p, sha = of.preprocessing, hashlib.sha256()
    behind = p.backbone.digest if p.backbone else ""
    sha.update(repr([p.kind, p.columns, p.length, behind, p.shift.shape]).encode())
    sha.update(p.shift.tobytes() + p.scale.tobytes())
    for name, value in parts[0].state_dict().items():
        sha.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return sha.digest()


def distinct(members: Sequence[Member]) -> list[Member]:
    """The members, those that see the same before their heads counted once."""
    found: dict[bytes, Member] = {}
    for number, member in enumerate(members):
        found.setdefault(mark(member) or str(number).encode(), member)
    return list(found.values())


class Seen:
    """What enters the heads of several networks, and what they answer; shared layers are passed once."""

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = members
        self.marks = [mark(member) for member in members]

    def of(self, x: Any) -> Iterator[tuple[Tensor, Tensor]]:
        """For each network what enters its head (n, d), and its answers (n, classes), for raw records.

        What is shared is the same tensor for each.
        """
        before, z = b"", torch.empty(0)
        for member, own in zip(self.members, self.marks, strict=True):
            parts = split(member.network)
            with torch.inference_mode():
                if parts is None:
                    yield entering(member.network, inputs(member, x))
                    continue
                if own != before:
                    before, z = own, parts[0](inputs(member, x))
                answers = parts[1](z)
            yield z, answers


def entering(network: nn.Module, z: Tensor) -> tuple[Tensor, Tensor]:
    """What enters the last linear layer (n, d), and the answers, for network input."""
    found: list[Tensor] = []
    handle = head_of(network).register_forward_pre_hook(lambda _, given: found.append(given[0]))
    try:
        answers = network(z)
    finally:
        handle.remove()
    return torch.cat([part.flatten(1) for part in found]), answers
