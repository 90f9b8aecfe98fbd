"""A network's answers to first order in its last layers: f(x; w) + J(x) u, in float64.

The layers before the first one that moves are passed once and as they are. Jᵀ g comes from reverse
differentiation of the rest, and J u as the transpose of g → Jᵀ g, so no Jacobian is ever stored.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, vjp

from disgorge_core.models.prediction import inputs
from disgorge_core.types import Array, Member

BATCH = 256


class Expansion:
    """The first-order expansion of one network in its last `count` layers with weights."""

    def __init__(self, member: Member, count: int) -> None:
        assert isinstance(member.network, nn.Sequential)
        children = list(member.network.children())
        first = _first(children, count)
        self.member = member
        self.before = nn.Sequential(*children[:first])
        self.rest = copy.deepcopy(nn.Sequential(*children[first:])).double().eval()
        self.names = [name for name, _ in self.rest.named_parameters()]
        self.weights = tuple(p.detach() for _, p in self.rest.named_parameters())

    @property
    def size(self) -> int:
        """How many numbers u has."""
        return sum(p.numel() for p in self.weights)

    def read(self, x: Any) -> list[Tensor]:
        """What enters the layers that move, of raw records, in batches."""
        parts = [x[start : start + BATCH] for start in range(0, len(x), BATCH)]
        with torch.inference_mode():
            found = [self.before(inputs(self.member, part)).double() for part in parts]
        return [
            part.clone() for part in found
        ]  # outside inference mode, so that they can be differentiated

    def logits(self, z: Tensor) -> Tensor:
        """f(x; w) of one batch."""
        with torch.no_grad():
            found: Tensor = self.rest(z)
        return found

    def along(self, z: Tensor, u: Array) -> Tensor:
        """J u of one batch: (n, outputs)."""
        answer, pull = vjp(self._at(z), self.weights)[:2]
        _, push = vjp(lambda g: pull(g)[0], torch.zeros_like(answer))[:2]
        found: Tensor = push(self._shaped(u))[0]
        return found.detach()

    def back(self, z: Tensor, g: Tensor) -> Array:
        """Jᵀ g of one batch, for g (n, outputs): one flat vector."""
        (parts,) = vjp(self._at(z), self.weights)[1](g)
        return torch.cat([part.detach().reshape(-1) for part in parts]).numpy()

    def _at(self, z: Tensor) -> Any:
        names = self.names

        def answer(weights: tuple[Tensor, ...]) -> Tensor:
            found: Tensor = functional_call(self.rest, dict(zip(names, weights, strict=True)), (z,))
            return found

        return answer

    def _shaped(self, u: Array) -> tuple[Tensor, ...]:
        flat = torch.from_numpy(np.ascontiguousarray(u))
        parts = flat.split([p.numel() for p in self.weights])
        return tuple(part.view_as(p) for part, p in zip(parts, self.weights, strict=True))


def _first(children: Sequence[nn.Module], count: int) -> int:
    """Position of the child from which on `count` children with weights stand."""
    weighty = [i for i, child in enumerate(children) if any(True for _ in child.parameters())]
    return weighty[max(0, len(weighty) - count)]
