"""What every projection offers: features of one or several models onto one flat map.

A projection is a frozen dataclass with `@PROJECTIONS.register` and class attributes `name`, `title`,
`reading` (one sentence on how to read it), `order`; its fields are settings made by `param(...)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol

import numpy as np

from disgorge_core.types import Array, Report, silent


class Projection(Protocol):
    """The shape of every registered projection."""

    name: ClassVar[str]
    title: ClassVar[str]
    reading: ClassVar[str]
    order: ClassVar[int]

    def project(
        self, features: Sequence[Array], *, seed: int = 0, report: Report = silent
    ) -> tuple[Array, ...]:
        """Positions (n_i, 2) of each set of features, all on one map."""
        ...

    def notes(self, n: int) -> tuple[str, ...]:
        """What must be said of a map of n positions."""
        ...


def align(after: Array, before: Array, rows: Array) -> Array:
    """Features after, turned and moved (never scaled) onto those before, best on the given rows.

    Orthogonal Procrustes: with centred A, B on the rows and AᵀB = UΣVᵀ, ‖A UVᵀ - B‖ is least. Features of
    unequal width are filled up with zeros.
    """
    width = max(after.shape[1], before.shape[1])
    after, before = _wide(after, width), _wide(before, width)
    a, b = after[rows].mean(0), before[rows].mean(0)
    u, _, v = np.linalg.svd((after[rows] - a).T @ (before[rows] - b))
    return ((after - a) @ (u @ v) + b).astype(np.float32)


def joint(features: Sequence[Array]) -> tuple[Array, list[int]]:
    """All features in one array (n, d) and where to cut it again."""
    width = max(f.shape[1] for f in features)
    whole = np.concatenate([_wide(f, width) for f in features]).astype(np.float32)
    return whole, np.cumsum([len(f) for f in features])[:-1].tolist()


def _wide(features: Array, width: int) -> Array:
    wide = np.zeros((len(features), width))
    wide[:, : features.shape[1]] = features
    return wide
