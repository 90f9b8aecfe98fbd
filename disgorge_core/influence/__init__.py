"""Estimators of what training records did to a model's outputs, one file each."""

from disgorge_core.influence.curved import (
    curvature_of,
    group_gradient,
    matrix_of,
    one_query,
    predicted_change,
)

__all__ = ["curvature_of", "group_gradient", "matrix_of", "one_query", "predicted_change"]
