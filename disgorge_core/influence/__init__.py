"""Estimators of what training records did to a model's outputs, one file each."""

from disgorge_core.influence.curved import (
    curvature_of,
    group_gradient,
    matrix_of,
    one_query,
    predicted_change,
)
from disgorge_core.influence.effect import Effect, predicted_effect

__all__ = [
    "Effect",
    "curvature_of",
    "group_gradient",
    "matrix_of",
    "one_query",
    "predicted_change",
    "predicted_effect",
]
