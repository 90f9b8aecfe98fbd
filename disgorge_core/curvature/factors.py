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

from disgorge_core.curvature import words
from disgorge_core.curvature.records import Single
from disgorge_core.curvature.sites import Site, capture
from disgorge_core.models.layers import WordMean

Batches = Iterable[tuple[Tensor, Tensor]]
Basis = tuple[Tensor | None, Tensor | None]
Columns = Callable[[Tensor, torch.Generator], Tensor]
EXACT = 256  # records up to which all columns are summed, whatever the network


def sampled(one: Single, n: int) -> bool:
    """Whether the curvature of n records is drawn from mixtures instead of summed."""
    return n > EXACT and any(isinstance(site.module, nn.Conv2d) for site in one.sites)


def bases(one: Single, batches: Batches, seed: int, columns: Columns) -> list[Basis]:
    """For each site: eigenvectors (outputs, outputs) and (inputs, k) of its factors, or none.

    k is the number of inputs, except for many words, of which the leading directions are found.
    """
    generator = torch.Generator().manual_seed(seed)
    outputs, inputs = grams(one, batches, generator, columns)
    found: list[Basis] = []
    for site in one.sites:
        gram = outputs.get(site.name)
        if gram is None:
            found.append((None, None))
        else:
            found.append((torch.linalg.eigh(gram)[1], inputs[site.name].basis(generator)))
    return found


def grams(
    one: Single, batches: Batches, generator: torch.Generator, columns: Columns
) -> tuple[dict[str, Tensor], dict[str, Inputs]]:
    """For each factored site by name: Σ g gᵀ (outputs, outputs) over records, and what it takes in."""
    factored = [site for site in one.sites if site.factored]
    outputs: dict[str, Tensor] = {}
    inputs = {site.name: Inputs(site) for site in factored}
    for x, _ in batches:
        seen = capture(one.network, one.sites, x)
        for name, factor in inputs.items():
            factor.add(seen.inputs[name])
        for column in columns(seen.logits.detach(), generator):
            slopes = seen.gradients(column)
            for site in factored:
                gram = _gram(site.given(slopes[site.name]))
                outputs[site.name] = outputs.get(site.name, torch.zeros_like(gram)) + gram
    return outputs, inputs


class Inputs:
    """What one layer takes in, over all batches: a sum of squares, or the words themselves."""

    def __init__(self, site: Site) -> None:
        self.site, self.gram = site, torch.zeros(())
        self.told: list[Tensor] = []

    def add(self, a: Tensor) -> None:
        """The inputs of one batch."""
        if isinstance(self.site.module, WordMean):
            self.told.append(a)
        else:
            self.gram = self.gram + _gram(self.site.taken(a))

    def basis(self, generator: torch.Generator) -> Tensor:
        """Eigenvectors of the factor of the inputs."""
        if isinstance(self.site.module, WordMean):
            return words.directions(self.site.module, self.told, generator)
        return torch.linalg.eigh(self.gram)[1]

    def along(self, basis: Tensor) -> Tensor:
        """Sum (k,) of squares along each direction of a basis (inputs, k)."""
        if isinstance(self.site.module, WordMean):
            return sum(
                (words.in_basis(a, basis).square().sum(0) for a in self.told), torch.zeros(())
            )
        return torch.einsum("ik,ij,jk->k", basis, self.gram, basis).clamp(min=0)


def _gram(factor: Tensor) -> Tensor:
    if factor.shape[1] == 1:
        return factor[:, 0].T @ factor[:, 0]
    return (factor.mT @ factor).sum(0)  # products of each record, so that nothing is copied


class Moments:
    """Sums of squared gradient entries of one layer, in its basis (`values`) and as they are (`plain`).

    `whole` (outputs,) sums them over all directions of the inputs, those outside the basis included.
    """

    def __init__(self, site: Site, basis: Basis) -> None:
        self.site, self.basis = site, basis
        like = site.matrix({name: p.detach() for name, p in site.parameters.items()})
        self.plain, self.whole = torch.zeros_like(like), like.new_zeros(len(like))
        self.values = (
            self.plain if basis[1] is None else like.new_zeros(len(like), basis[1].shape[1])
        )

    def open(self, a: Tensor) -> None:
        """A new batch with these inputs."""
        self._given = a
        self._into = self.site.taken(a) if self.site.factored else a
        self._lone = self.site.factored and self._into.shape[1] == 1
        self._turned: Tensor | float = 0.0
        self._out: Tensor | float = 0.0

    def add(self, g: Tensor) -> None:
        """One column's gradients at the output."""
        left, right = self.basis
        if left is None or right is None:
            own = self.site.each_matrix(self._into, g).square().sum(0)
            self.values, self.plain = self.values + own, self.plain + own
        elif self._lone:  # a plain linear layer: (g aᵀ)² = g² (a²)ᵀ, so nothing is built
            out = self.site.given(g)[:, 0]
            self._turned = self._turned + (out @ left).square()
            self._out = self._out + out.square()
        else:
            each = self.site.given(g).mT @ self._into
            self.values += (left.T @ (each @ right)).square_().sum(0)
            self.plain += each.square_().sum(0)

    def close(self) -> None:
        """The end of the batch."""
        right = self.basis[1]
        if isinstance(self._turned, Tensor) and isinstance(self._out, Tensor) and right is not None:
            squares = self._into[:, 0].square()
            inside = self.site.onto(self._given, right)[:, 0].square()
            self.values = self.values + self._turned.T @ inside
            self.plain = self.plain + self._out.T @ squares
            self.whole = self.whole + self._turned.T @ squares.sum(1)

    def rest(self) -> Tensor | None:
        """Mean (outputs,) over the directions outside the basis; None where there are none."""
        outside = self.plain.shape[1] - self.values.shape[1]
        return (self.whole - self.values.sum(1)).clamp(min=0) / outside if outside else None


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
