"""Principal components: the two directions of largest spread, at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from disgorge_core.features import pca
from disgorge_core.projections.contract import joint
from disgorge_core.registry import PROJECTIONS
from disgorge_core.types import Array, Report, silent


@PROJECTIONS.register
@dataclass(frozen=True)
class Pca:
    """Principal components of all features together."""

    name = "pca"
    title = "Principal components"
    reading = (
        "Distances are true as far as two directions can show them; far apart is truly different."
    )
    order = 10

    def project(
        self, features: Sequence[Array], *, seed: int = 0, report: Report = silent
    ) -> tuple[Array, ...]:
        """Positions (n_i, 2) of each set of features on one map; the seed plays no part."""
        whole, cuts = joint(features)
        return tuple(np.split(pca(whole, 2), cuts))

    def notes(self, n: int) -> tuple[str, ...]:
        """Nothing to add."""
        return ()
