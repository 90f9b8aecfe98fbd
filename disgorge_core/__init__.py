"""Disgorge: remove training data from a trained model, and measure what changed.

import disgorge_core as dg
case = dg.example("digits")
outcome = dg.disgorge(case.model, case.dataset, case.forget, method="retrain")
print(outcome.claim)
"""

import disgorge_core.influence  # noqa: F401  (first: a package of this name would hide the verb later)
from disgorge_core.cases import Cases
from disgorge_core.comparison import compare, overview
from disgorge_core.data import forget_set
from disgorge_core.data.loading import load_dataset
from disgorge_core.examples.shipped import example
from disgorge_core.models.loading import load_model
from disgorge_core.models.saved import export, save_model
from disgorge_core.models.wrap import wrap
from disgorge_core.registry import ARCHITECTURES, ESTIMATORS, METHODS, PROJECTIONS, VIEWS
from disgorge_core.store import Workspace
from disgorge_core.training import Sharded, fit, fit_many, refit, refit_many
from disgorge_core.types import Dataset, ForgetSet, Model, Outcome, Recipe, Scores
from disgorge_core.verbs import disgorge, embed, influence, predict

__all__ = [
    "ARCHITECTURES", "ESTIMATORS", "METHODS", "PROJECTIONS", "VIEWS",
    "Cases", "Dataset", "ForgetSet", "Model", "Outcome", "Recipe", "Scores", "Sharded", "Workspace",
    "compare", "disgorge", "embed", "example", "export", "fit", "fit_many", "forget_set", "influence",
    "load_dataset", "load_model", "overview", "predict", "refit", "refit_many", "save_model", "wrap",
]  # fmt: skip
