"""Influence functions with EK-FAC curvature of the whole network: the default.

The Hessian of the mean loss is taken as the Gauss-Newton matrix, layer by layer, diagonal in the
eigenbasis of its Kronecker factors and damped by a fixed rule (`curvature.ekfac`; Grosse et al. 2023,
arXiv 2308.03296, section 2.2). Scores rest on the eigenbasis coordinates that weigh most. Up to 2,500
weights the whole matrix is used instead. It is a first-order estimate around the given weights: good for
small sets, too small for large ones, and blind to a training that would have found another optimum.
"""

from __future__ import annotations

from dataclasses import dataclass

from disgorge_core.curvature import Curvature
from disgorge_core.influence.contract import (
    asked,
    guard_note,
    one_network,
    output_named,
    scores_of,
    seen_rows,
)
from disgorge_core.influence.curved import (
    coverage_note,
    curvature_of,
    group_gradient,
    matrix_of,
    one_query,
    predicted_change,
)
from disgorge_core.params import param
from disgorge_core.registry import ESTIMATORS
from disgorge_core.types import Array, Dataset, Model, Report, Scores, silent


@ESTIMATORS.register
@dataclass(frozen=True)
class EkFacInfluence:
    """Influence functions with EK-FAC curvature of all layers."""

    name = "ekfac"
    title = "Influence functions (EK-FAC)"
    unit = "Estimated change of the output if the record had not been trained on, to first order."
    limits = (
        "Good for single records and small sets, too small for large "
        "ones, and blind to a training that would have ended elsewhere."
    )
    order = 10

    coordinates: int = param(
        2048,
        help="Directions of the weights that scores rest on",
        min=1,
        max=1_000_000,
        advanced=True,
    )

    def curvature(
        self, model: Model, data: Dataset, train_rows: Array, report: Report = silent
    ) -> Curvature:
        """The curvature that scores use; fit once, use for many queries."""
        one_network(model)
        return curvature_of(model, data, train_rows, report, coordinates=self.coordinates)

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
        curvature = self.curvature(model, data, train_rows, report)
        matrix = matrix_of(
            model, data, train_rows, query_rows, curvature, target=target, report=report
        )
        passes = curvature.passes + len(train_rows) + len(query_rows)
        return scores_of(
            matrix,
            data,
            train_rows,
            query_rows,
            unit=output,
            estimator=self.name,
            passes=passes,
            notes=(*guard_note(model), *coverage_note(model)),
        )

    def one_query(
        self,
        model: Model,
        data: Dataset,
        train_rows: Array,
        query_rows: Array,
        *,
        target: str = "margin",
        curvature: Curvature | None = None,
        report: Report = silent,
    ) -> Array:
        """Scores (n_train,) for the mean output of the query rows; pass the curvature to reuse it."""
        output_named(model, target)
        found = curvature or self.curvature(model, data, train_rows, report)
        gradient = group_gradient(model, data, query_rows, target, found.part)
        return one_query(model, data, train_rows, gradient, found)

    def predicted_change(
        self,
        model: Model,
        data: Dataset,
        forget: Array,
        query_rows: Array,
        *,
        curvature: Curvature | None = None,
        report: Report = silent,
    ) -> Array:
        """Estimated change (n_query, c) of logits if the rows of `forget` (n,) had not been trained on."""
        found = curvature or self.curvature(model, data, seen_rows(model, data), report)
        return predicted_change(model, data, forget, query_rows, found)
