"""ENGINE 1: training."""

from disgorge_core.training import closed_form
from disgorge_core.training.engine import fit, fit_many, refit, refit_many, refit_shards
from disgorge_core.training.repair import Batch, continue_training, refresh_buffers
from disgorge_core.training.results import Stack
from disgorge_core.training.sharded import Sharded, shard_of

__all__ = [
    "Batch",
    "Sharded",
    "Stack",
    "closed_form",
    "continue_training",
    "fit",
    "fit_many",
    "refit",
    "refit_many",
    "refit_shards",
    "refresh_buffers",
    "shard_of",
]
