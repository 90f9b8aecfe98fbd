"""ENGINE 1: training."""

from disgorge_core.training.engine import fit, fit_many, refit, refit_many
from disgorge_core.training.results import Stack

__all__ = ["Stack", "fit", "fit_many", "refit", "refit_many"]
