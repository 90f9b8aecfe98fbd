"""Influence functions of the last linear layer alone, with its exact Gauss-Newton matrix: the quick look.

Everything before the head is taken as fixed, so what a record taught the features is not counted. The
matrix is damped by a tenth of its mean eigenvalue.
"""

from __future__ import annotations

from dataclasses import dataclass

from disgorge_core.influence.contract import asked, guard_note, one_network, scores_of
from disgorge_core.influence.curved import curvature_of, matrix_of
from disgorge_core.params import param
from disgorge_core.registry import ESTIMATORS
from disgorge_core.types import Array, Dataset, Model, Report, Scores, silent


@ESTIMATORS.register
@dataclass(frozen=True)
class LastLayer:
    """Influence functions with the Gauss-Newton matrix of the head."""

    name = "last_layer"
    title = "Influence on the last layer only"
    unit = "Estimated change of the output if the record had not taught the last layer, to first order."
    limits = "What a record taught the layers before the last is not counted."
    order = 20

    damping: float = param(
        0.1, help="Share of the mean curvature that is added", min=1e-6, max=100, advanced=True
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
        """Scores of all pairs, from two passes that go no deeper than the head."""
        output = asked(model, train_rows, query_rows, target)
        one_network(model)
        curvature = curvature_of(model, data, train_rows, report, kind="head", damping=self.damping)
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
            notes=guard_note(model),
        )
