"""The layers before the head: whether networks share them, and one network in place of several that do."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from disgorge_core.types import Array, Member, Preprocessing


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
    last, head = children.popitem()
    trunk = nn.Sequential(OrderedDict(children))
    return (trunk, head) if last and isinstance(head, nn.Linear) else None


def mark(of: Reads) -> bytes | None:
    """Equal for networks of one layer list that see the same of each record before their heads, bit for bit.

    None for a network that does not end in a linear head.
    """
    parts = split(of.network)
    if parts is None:
        return None
    p, sha = of.preprocessing, hashlib.sha256()
    behind = p.backbone.digest if p.backbone else ""
    sha.update(repr([p.kind, p.columns, p.length, behind, p.shift.shape]).encode())
    sha.update(p.shift.tobytes() + p.scale.tobytes())
    for name, value in parts[0].state_dict().items():
        sha.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return sha.digest()


def merged(members: Sequence[Member], share: Array) -> Member | None:
    """One network that answers Σ share_m f_m(x): the heads' mean on the layers that all members share.

    None where they share none. Shares (members,) are added in float64.
    """
    first, marks = members[0], {mark(member) for member in members}
    parts = [split(member.network) for member in members]
    heads = [part[1] for part in parts if part is not None]
    if len(marks) > 1 or None in marks or parts[0] is None:
        return None
    counted = torch.from_numpy(share).double()
    head = nn.Linear(heads[0].in_features, heads[0].out_features, heads[0].bias is not None)
    with torch.no_grad():
        head.weight = _mean([h.weight for h in heads], counted)
        head.bias = _mean([h.bias for h in heads], counted) if head.bias is not None else None
    network = nn.Sequential(parts[0][0], head)
    return Member(network.train(first.network.training), first.preprocessing)


def _mean(values: Sequence[Tensor], share: Tensor) -> nn.Parameter:
    total = torch.tensordot(share, torch.stack(list(values)).detach().double(), dims=1)
    return nn.Parameter(total.to(values[0].dtype))


def distinct(members: Sequence[Member]) -> list[Member]:
    """The members, those that see the same before their heads counted once."""
    found: dict[bytes, Member] = {}
    for number, member in enumerate(members):
        found.setdefault(mark(member) or str(number).encode(), member)
    return list(found.values())
