"""Random projection of a layer's gradients from their factors, without building them.

A gradient Σ_p g_p a_pᵀ is projected on the signs b_l c_lᵀ: coordinate l is Σ_p (g_p · b_l)(a_p · c_l) / √k,
with b and c of independent ±1. Inner products of projected gradients are in expectation those of the
gradients themselves (Achlioptas 2003; products of signs as in Kar & Karnick 2012, arXiv 1201.6530).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor
from torch.nn import functional as F

from disgorge_core.curvature.sites import Capture, Site


@dataclass(frozen=True, eq=False)
class Signs:
    """Directions of a factored layer: on outputs (outputs, k), and on inputs (inputs, k) by 1/√k."""

    on_outputs: Tensor
    on_inputs: Tensor

    def of(self, given: Tensor, taken: Tensor) -> Tensor:
        """Coordinates (n, k) of gradients with factors (n, positions, outputs) and (n, positions, inputs)."""
        if given.shape[1] <= given.shape[2]:
            return ((given @ self.on_outputs) * (taken @ self.on_inputs)).sum(1)
        return self.built(given.mT @ taken)

    def built(self, gradients: Tensor) -> Tensor:
        """Coordinates (n, k) of gradients (n, outputs, inputs)."""
        return ((gradients @ self.on_inputs) * self.on_outputs).sum(1)

    def at(self, site: Site, a: Tensor, g: Tensor) -> Tensor:
        """Coordinates (n, k) of the layer's gradients, from what entered and left it."""
        given = site.given(g)
        if given.shape[1] == 1:  # so that shares of all words are never built
            return (given @ self.on_outputs * site.onto(a, self.on_inputs))[:, 0]
        return self.of(given, site.taken(a))


@dataclass(frozen=True, eq=False)
class Dense:
    """Directions (weights, k) of a layer whose gradients are built."""

    directions: Tensor

    def at(self, site: Site, a: Tensor, g: Tensor) -> Tensor:
        """Coordinates (n, k) of the layer's gradients."""
        return site.each_matrix(a, g).flatten(1) @ self.directions


@dataclass(frozen=True, eq=False)
class Whole:
    """No projection: a layer's weights as they are, between those before and after it."""

    before: int
    after: int

    def at(self, site: Site, a: Tensor, g: Tensor) -> Tensor:
        """Gradients (n, d) of the layer, zeros in the place of the other layers."""
        return F.pad(site.each_matrix(a, g).flatten(1), (self.before, self.after))


@dataclass(frozen=True, eq=False)
class Projection:
    """Random directions in all weights of a network: the coordinates of its layers add up."""

    sites: Sequence[Site]
    parts: Sequence[Signs | Dense | Whole]

    def of(self, seen: Capture, slope: Tensor) -> Tensor:
        """Coordinates (n, k) of the gradients of Σ_i slope_iᵀ z_i."""
        slopes = seen.gradients(slope)
        pairs = zip(self.sites, self.parts, strict=True)
        found = [part.at(s, seen.inputs[s.name], slopes[s.name]) for s, part in pairs]
        return torch.stack(found).sum(0)


def projection_of(sites: Sequence[Site], count: int, seed: int) -> Projection:
    """`count` random directions; the weights themselves where there are no more of them."""
    sizes = [sum(p.numel() for p in site.parameters.values()) for site in sites]
    if sum(sizes) <= count:
        ends = list(accumulate(sizes))
        pairs = zip(ends, sizes, strict=True)
        return Projection(sites, [Whole(end - size, ends[-1] - end) for end, size in pairs])
    generator = torch.Generator().manual_seed(seed)
    return Projection(sites, [_directions(site, count, generator) for site in sites])


def _directions(site: Site, count: int, generator: torch.Generator) -> Signs | Dense:
    matrix = site.matrix({name: p.detach() for name, p in site.parameters.items()})
    outputs, inputs = matrix.shape
    signs = signs_for(outputs, inputs, count, generator, like=matrix)
    return signs if site.factored else Dense(signs.on_inputs)  # a diagonal layer has one row


def signs_for(
    outputs: int, inputs: int, count: int, generator: torch.Generator, *, like: Tensor
) -> Signs:
    """`count` directions in the number format of `like`."""
    draws = [
        torch.randint(0, 2, (size, count), generator=generator).to(like.dtype) * 2 - 1
        for size in (outputs, inputs)
    ]
    return Signs(draws[0], draws[1] / math.sqrt(count))
