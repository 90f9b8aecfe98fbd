"""What a search for near-duplicates finds: pairs, and the clusters that they join."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from disgorge_core.types import Array


@dataclass(frozen=True, eq=False)
class NearDuplicates:
    """Clusters (n,) of near-duplicates: records joined by a chain of pairs have the same number.

    Clusters are numbered by their first record; a record alone has a number of its own. Of records with
    the same content only the first is compared with others: `pairs` (m, 2) lists each copy beside it.
    `distance` (m,) is in the unit of `kind`, 0 for copies.
    """

    clusters: Array
    pairs: Array
    distance: Array
    kind: str
    threshold: float
    notes: tuple[str, ...]

    @cached_property
    def together(self) -> Array:
        """Bool (n,): which records have at least one near-duplicate."""
        return np.bincount(self.clusters)[self.clusters] > 1


def joined(n: int, pairs: Array) -> Array:
    """Numbers (n,) of the connected components that pairs (m, 2) make, in the order of first records."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ones = np.ones(len(pairs), dtype=bool)
    graph = coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    return numbered(connected_components(graph, directed=False)[1])


def numbered(codes: Array) -> Array:
    """The same groups (n,) numbered 0, 1, 2 ... in the order of their first members."""
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]
