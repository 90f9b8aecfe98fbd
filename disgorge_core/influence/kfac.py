"""Influence functions with K-FAC curvature: the same factors as EK-FAC, without its corrected eigenvalues.

Each layer's inverse curvature is one Kronecker product (`curvature.kfac`), so the score of two records is,
layer by layer, the product of two small inner products: one pass over the records for the curvature, one for
the scores, and no gradient is ever built. It keeps every direction and is faster than EK-FAC, but what it
gives hangs on the damping: its share is a fixed rule, chosen on other data than figures are reported of
(benchmarks/influence.md). It fails as EK-FAC does: first order, around the given weights.
"""

from __future__ import annotations

from dataclasses import dataclass

from disgorge_core.curvature import fit_kfac
from disgorge_core.curvature.kfac import DAMPING
from disgorge_core.influence.contract import asked, guard_note, l2_of, one_network, scores_of
from disgorge_core.influence.curved import coverage_note, matrix_of
from disgorge_core.params import param
from disgorge_core.registry import ESTIMATORS
from disgorge_core.types import Array, Dataset, Model, Report, Scores, silent


@ESTIMATORS.register
@dataclass(frozen=True)
class KFacInfluence:
    """Influence functions with K-FAC curvature of all layers."""

    name = "kfac"
    title = "Influence functions (K-FAC)"
    unit = "Estimated change of the output if the record had not been trained on, to first order."
    limits = "As EK-FAC; its sizes lean on the damping more, and it is the faster on wide layers."
    order = 15

    damping: float = param(
        DAMPING,
        help="Share of its mean eigenvalue that is added to each factor of a layer",
        min=1e-9,
        max=100,
        advanced=True,
    )

    def score(
        self,
        model: Model,
        data: Dataset,
        train_rows: Array,
        query_rows: Array,
        *,
        target: str = "margin",
        report: Report = silent,
    ) -> Scores:
        """Scores of all pairs, from one pass for curvature and one for features."""
        output = asked(model, train_rows, query_rows, target)
        one_network(model)
        x, y, l2 = data.take(train_rows), data.y[train_rows], l2_of(model)
        curvature = fit_kfac(model, x, y, l2=l2, damping=self.damping, report=report)
        matrix = matrix_of(
            model, data, train_rows, query_rows, curvature, target=target, report=report
        )
        return scores_of(
            matrix,
            data,
            train_rows,
            query_rows,
            unit=output,
            estimator=self.name,
            passes=curvature.passes + len(train_rows) + len(query_rows),
            notes=(*guard_note(model), *coverage_note(model)),
        )
