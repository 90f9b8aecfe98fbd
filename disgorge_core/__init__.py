"""Disgorge: remove training data from a trained model, and measure what changed.

import disgorge_core as dg
case = dg.example("digits")
outcome = dg.disgorge(case.model, case.dataset, case.forget, method="retrain")
print(outcome.claim)
"""

import disgorge_core.audit  # first: packages of these names would hide the verbs later
import disgorge_core.influence  # noqa: F401
from disgorge_core.auditing import Pair
from disgorge_core.cases import Cases
from disgorge_core.comparison import compare, overview
from disgorge_core.data import forget_set
from disgorge_core.data.loading import load_dataset
from disgorge_core.examples.shipped import example
from disgorge_core.models.loading import load_model
from disgorge_core.models.saved import export, save_model
from disgorge_core.models.wrap import wrap
from disgorge_core.regimes.sharded import Sharded
from disgorge_core.registry import (
    ARCHITECTURES,
    CHECKS,
    ESTIMATORS,
    METHODS,
    PROJECTIONS,
    REGIMES,
    VIEWS,
)
from disgorge_core.store import Workspace
from disgorge_core.training import fit, fit_many, refit, refit_many
from disgorge_core.types import (
    AuditReport,
    Dataset,
    ForgetSet,
    Marks,
    Model,
    Outcome,
    Recipe,
    Scores,
)
from disgorge_core.verbs import audit, disgorge, embed, influence, predict

__all__ = [
    "ARCHITECTURES", "CHECKS", "ESTIMATORS", "METHODS", "PROJECTIONS", "REGIMES", "VIEWS",
    "AuditReport", "Cases", "Dataset", "ForgetSet", "Marks", "Model", "Outcome", "Pair", "Recipe", "Scores",
    "Sharded", "Workspace", "audit", "compare", "disgorge", "embed", "example", "export", "fit", "fit_many",
    "forget_set", "influence", "load_dataset", "load_model", "overview", "predict", "refit", "refit_many",
    "save_model", "wrap",
]  # fmt: skip
