"""The default estimator's curvature of a model, fitted once for many questions."""

from __future__ import annotations

from disgorge_core import verbs
from disgorge_core.curvature import Curvature
from disgorge_core.influence.ekfac import EkFacInfluence
from disgorge_core.jobs.task import Desk

ESTIMATOR = EkFacInfluence()


def curvature(desk: Desk, digest: str) -> Curvature:
    """Curvature over the records that the model saw; raises BadParam where they are unknown."""
    data, model = desk.data, desk.model(digest)
    rows = verbs.seen_rows(model, data)
    make = lambda: ESTIMATOR.curvature(model, data, rows)  # noqa: E731
    return desk.once(digest, "curvature", make)
