"""The two passes of EK-FAC: eigenvectors of the Kronecker factors, then squared gradients in their basis.

The Hessian in the logits is a sum over columns (`Loss.columns`), each of which is sent back through the
network. What a layer takes in is the same for all columns, so it is unfolded and turned only once.

For more than EXACT records and a network with convolutions not every column of each record is sent back,
but one random mixture of them (`Loss.mixture`), whose grams and squares have the same expectation: both
passes are means over many records and positions, and the cost no longer grows with the number of classes.
The passes draw apart, so that no basis fits its own noise, and the first reads every second batch: the
eigenvalues in a basis are measured on all records, however the basis was found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from disgorge_core.curvature.records import Single
from disgorge_core.curvature.sites import Site, capture

Batches = Iterable[tuple[Tensor, Tensor]]
Basis = tuple[Tensor | None, Tensor | None]
Columns = Callable[[Tensor, torch.Generator], Tensor]
EXACT = 256  # records up to which all columns are summed, whatever the network


def sampled(one: Single, n: int) -> bool:
    """Whether the curvature of n records is drawn from mixtures instead of summed."""
    return n > EXACT and any(isinstance(site.module, nn.Conv2d) for site in one.sites)


def bases(one: Single, batches: Batches, seed: int, columns: Columns) -> list[Basis]:
    """For each site: eigenvectors (outputs, outputs) and (inputs, inputs) of its factors, or none.

    Words have no factor of inputs: which words go together is not measured.
    """
    outputs: dict[str, Tensor | float] = {s.name: 0.0 for s in one.sites if s.factored}
    inputs: dict[str, Tensor | float] = {
        s.name: 0.0 for s in one.sites if s.factored and not s.words
    }
    generator = torch.Generator().manual_seed(seed)
    sites = [site for site in one.sites if site.factored]
    for x, _ in batches:
        seen = capture(one.network, one.sites, x)
        for site in sites:
            if site.name in inputs:
                inputs[site.name] += _gram(site.taken(seen.inputs[site.name]))
        for column in columns(seen.logits.detach(), generator):
            slopes = seen.gradients(column)
            for site in sites:
                outputs[site.name] += _gram(site.given(slopes[site.name]))
    return [
        (_eigenvectors(outputs.get(s.name)), _eigenvectors(inputs.get(s.name))) for s in one.sites
    ]


def _gram(factor: Tensor) -> Tensor:
    if factor.shape[1] == 1:
        return factor[:, 0].T @ factor[:, 0]
    return (factor.mT @ factor).sum(0)  # products of each record, so that nothing is copied


def _eigenvectors(factor: Tensor | float | None) -> Tensor | None:
    return torch.linalg.eigh(factor)[1] if isinstance(factor, Tensor) else None


def turned(matrix: Tensor, left: Tensor | None, right: Tensor | None) -> Tensor:
    """Matrices (..., outputs, inputs) in a basis; None stands for the weights themselves."""
    matrix = matrix if left is None else left.mT @ matrix
    return matrix if right is None else matrix @ right


class Moments:
    """Sums of squared gradient entries of one layer, in its basis (`values`) and as they are (`plain`)."""

    def __init__(self, site: Site, basis: Basis) -> None:
        self.site, self.basis = site, basis
        like = site.matrix({name: p.detach() for name, p in site.parameters.items()})
        self.values, self.plain = torch.zeros_like(like), torch.zeros_like(like)

    def open(self, a: Tensor) -> None:
        """A new batch with these inputs."""
        self._into = self.site.taken(a) if self.site.factored else a
        self._lone = self.site.factored and self._into.shape[1] == 1
        self._turned: Tensor | float = 0.0
        self._out: Tensor | float = 0.0

    def add(self, g: Tensor) -> None:
        """One column's gradients at the output."""
        left, right = self.basis
        if not self.site.factored:
            own = self.site.each_matrix(self._into, g).square().sum(0)
            self.values, self.plain = self.values + own, self.plain + own
        elif self._lone:  # a plain linear layer: (g aᵀ)² = g² (a²)ᵀ, so nothing is built
            out = self.site.given(g)[:, 0]
            self._turned = self._turned + turned(out, None, left).square()
            self._out = self._out + out.square()
        else:
            each = self.site.given(g).mT @ self._into
            self.values += turned(each, left, right).square_().sum(0)
            self.plain += each.square_().sum(0)

    def close(self) -> None:
        """The end of the batch."""
        if isinstance(self._turned, Tensor) and isinstance(self._out, Tensor):
            into = self._into[:, 0]
            self.values = self.values + self._turned.T @ turned(into, None, self.basis[1]).square()
            self.plain = self.plain + self._out.T @ into.square()


def moments(
    one: Single, batches: Batches, found: list[Basis], seed: int, columns: Columns
) -> list[Moments]:
    """Second moments of every site over all batches."""
    layers = [Moments(site, basis) for site, basis in zip(one.sites, found, strict=True)]
    generator = torch.Generator().manual_seed(seed)
    for x, _ in batches:
        seen = capture(one.network, one.sites, x)
        for layer in layers:
            layer.open(seen.inputs[layer.site.name])
        for column in columns(seen.logits.detach(), generator):
            slopes = seen.gradients(column)
            for layer in layers:
                layer.add(slopes[layer.site.name])
        for layer in layers:
            layer.close()
    return layers
