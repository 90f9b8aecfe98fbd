"""ENGINE 2: factored per-sample gradients and curvature, EK-FAC by default and dense when small."""

from disgorge_core.curvature.effect import moved, removal_direction
from disgorge_core.curvature.fit import Curvature, fit_curvature, fit_kfac, why_no_curvature
from disgorge_core.curvature.gradients import (
    logit_change,
    loss_change,
    mean_gradient,
    output_gradient,
    per_sample_gradients,
)

__all__ = [
    "Curvature",
    "fit_curvature",
    "fit_kfac",
    "logit_change",
    "loss_change",
    "mean_gradient",
    "moved",
    "output_gradient",
    "per_sample_gradients",
    "removal_direction",
    "why_no_curvature",
]
