"""Words as inputs of a layer: many of them, few in a record, so that their factor is never built.

A mean of word vectors is a linear layer over a, what each word counts for in a record. Its factor A = E a aᵀ
would be (words, words). Its leading eigenvectors come from the records' sparse matrix by subspace iteration
(Halko, Martinsson & Tropp 2011, arXiv 0909.4061, algorithm 4.4, then Rayleigh-Ritz). They matter: words that
come together are learned together, and with each word on its own half the rank of the scores is lost.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from disgorge_core.models.layers import WordMean

DIRECTIONS = 256  # eigenvectors that are looked for; all of them, if there are no more words
EXTRA, ROUNDS = 16, 3


def in_basis(numbers: Tensor, basis: Tensor) -> Tensor:
    """Coordinates (n, k) of records (n, length) of word numbers in a basis (words, k)."""
    count = (numbers != 0).sum(1, keepdim=True).clamp(min=1).to(basis.dtype)
    return F.embedding_bag(numbers, basis.contiguous(), mode="sum", padding_idx=0) / count.sqrt()


def directions(module: WordMean, told: Sequence[Tensor], generator: torch.Generator) -> Tensor:
    """Leading eigenvectors (words, k) of Σ a aᵀ over batches of records of word numbers."""
    if module.num_embeddings <= DIRECTIONS:
        shares = torch.cat([module.shares(numbers).detach() for numbers in told])
        return torch.linalg.eigh(shares.T @ shares)[1]
    records = torch.cat([_sparse(module, numbers) for numbers in told])
    count = min(DIRECTIONS, len(records))
    start = torch.randn(module.num_embeddings, count + EXTRA, generator=generator)
    basis = start.to(module.weight.dtype)
    for _ in range(ROUNDS):
        basis = torch.linalg.qr(records.T @ (records @ basis))[0]
    inside = records @ basis
    return basis @ torch.linalg.eigh(inside.T @ inside)[1][:, -count:]


def _sparse(module: WordMean, numbers: Tensor) -> Tensor:
    """What each word counts for (n, words), as a sparse matrix."""
    record, place = (numbers != 0).nonzero(as_tuple=True)
    count = torch.bincount(record, minlength=len(numbers)).to(module.weight.dtype)
    where = torch.stack([record, numbers[record, place]])
    size = (len(numbers), module.num_embeddings)
    return torch.sparse_coo_tensor(
        where, count.rsqrt()[record], size, check_invariants=False
    ).coalesce()
