"""ENGINE 1: training."""

from disgorge_core.training import closed_form
from disgorge_core.training.engine import fit, fit_many, recipe_of, refit, refit_many, train_job
from disgorge_core.training.regime import STEPS, Burden, Regime, advised, regime_from, regime_of
from disgorge_core.training.repair import Batch, continue_training, refresh_buffers
from disgorge_core.training.results import Stack
from disgorge_core.training.task import Job

__all__ = [
    "STEPS",
    "Batch",
    "Burden",
    "Job",
    "Regime",
    "Stack",
    "advised",
    "closed_form",
    "continue_training",
    "fit",
    "fit_many",
    "recipe_of",
    "refit",
    "refit_many",
    "refresh_buffers",
    "regime_from",
    "regime_of",
    "train_job",
]
