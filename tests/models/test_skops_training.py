"""What comes from scikit-learn is trained again here: beside scikit-learn on the same records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.neural_network import MLPClassifier

from disgorge_core import disgorging, metrics, training
from disgorge_core.models.loading import fitted_to
from disgorge_core.models.prediction import logits, probabilities
from disgorge_core.training.closed_form import with_sums
from disgorge_core.types import ForgetSet, Model
from tests.models.pipelines import dataset, fitted, frame, medians, read, usual

FEATURES = ["age", "income", "work", "rooms"]


def opened(folder: Path, model: Any, table: Any, label: str = "answer") -> tuple[Model, Any]:
    """The model that scikit-learn fitted on the train split, here, with the recipe of its file."""
    data = dataset(table, label)
    pipeline = fitted(usual(), model, table.iloc[data.rows("train")], label)
    found = fitted_to(read(pipeline, folder).matched(data), data, trained_on="train")
    assert found.model.recipe is not None
    return found.model, data


def without(data: Any, label: str, value: Any, count: int) -> np.ndarray:
    """Keep everything but the first training records of this value."""
    rows = data.rows("train")
    gone = rows[(data.meta[label].to_numpy()[rows] == value)][:count]
    keep = np.ones(len(data), bool)
    keep[gone] = False
    return keep


@pytest.mark.parametrize("classes", [2, 3])
def test_the_recipe_of_a_logistic_model_gives_what_scikit_learn_gives(
    tmp_path: Path, classes: int
) -> None:
    table = frame(300, gaps=False, classes=classes)
    model, data = opened(tmp_path, LogisticRegression(C=1.0, tol=1e-10), table)
    share = 2 if classes == 2 else 1
    assert model.recipe.l2 == pytest.approx(share / len(data.rows("train")))
    keep = without(data, "answer", "yes", 40)
    rows = np.flatnonzero(keep & (data.split == 0))
    same = len(data.rows("train")) / len(rows)  # the mean loss keeps its L2 term
    other = fitted(usual(), LogisticRegression(C=same, tol=1e-10), table.iloc[rows])
    place = [list(other.classes_).index(c) for c in data.classes]
    expected = other.predict_proba(table[FEATURES])[:, place]
    again = training.refit(model, data, keep)
    assert np.abs(probabilities(again, data.x) - expected).max() < 0.02
    assert np.abs(probabilities(model, data.x) - expected).max() > 0.1


@pytest.mark.parametrize(
    ("estimator", "label"),
    [(Ridge(alpha=3.0), "score"), (LinearRegression(), "score"), (RidgeClassifier(), "answer")],
)
def test_ridge_is_solved_and_its_records_are_taken_out_exactly(
    tmp_path: Path, estimator: Any, label: str
) -> None:
    table = frame(200, gaps=False)
    plain, data = opened(tmp_path, estimator, table, label)
    assert (plain.regime, plain.architecture) == ("closed form", "ridge")
    model = with_sums(plain, data)
    assert "gram" in model.artefacts
    assert np.abs(logits(model, data.x) - logits(plain, data.x)).max() < 1e-8
    assert model.lineage.origin == "uploaded"
    gone = data.ids[data.rows("train")[:30]]
    forget = ForgetSet(tuple(sorted(map(str, gone))), data.digest)
    outcome = disgorging.disgorge(model, data, forget, "statistics")
    rows = np.flatnonzero(~forget.mask(data) & (data.split == 0))
    if hasattr(estimator, "alpha"):  # the mean loss keeps its L2 term
        estimator = clone(estimator).set_params(
            alpha=estimator.alpha * len(rows) / len(data.rows("train"))
        )
    other = fitted(usual(), estimator, table.iloc[rows], label)
    if label == "score":
        expected = other.predict(table[FEATURES])[:, None]
    else:
        place = [list(other.classes_).index(c) for c in data.classes]
        expected = other.decision_function(table[FEATURES])[:, place]
    assert np.abs(logits(outcome.model, data.x) - expected).max() < 1e-8
    assert np.abs(logits(model, data.x) - expected).max() > 1e-3


def test_sums_that_do_not_give_the_answers_are_not_kept(tmp_path: Path) -> None:
    """A model that was not fitted on the records that it is said to have seen stays as it came."""
    table = frame(200, gaps=False)
    data = dataset(table, "score")
    pipeline = fitted(usual(), Ridge(), table.iloc[data.rows("train")[5:]], "score")
    model = fitted_to(read(pipeline, tmp_path).matched(data), data, trained_on="train").model
    assert with_sums(model, data) is model


def test_an_mlp_learns_again_by_its_own_settings(tmp_path: Path) -> None:
    table = frame(300, gaps=False)
    estimator = MLPClassifier((16,), max_iter=80, random_state=0, batch_size=32)
    model, data = opened(tmp_path, estimator, table)
    recipe = model.recipe
    assert (recipe.optimiser, recipe.batch, recipe.lr, recipe.momentum) == ("adam", 32, 1e-3, 0.9)
    assert recipe.epochs == 80
    assert recipe.l2 == pytest.approx(1e-4 / 32)
    again = training.refit(model, data, np.ones(len(data), bool))
    own, new = (metrics.accuracy(logits(m, data.x), data.y).value for m in (model, again))
    assert abs(own - new) < 0.08


def test_where_training_again_differs_is_said(tmp_path: Path) -> None:
    table = frame(200)
    data = dataset(table)
    pipeline = fitted(medians(), LogisticRegression(), table)
    found = fitted_to(read(pipeline, tmp_path).matched(data), data, trained_on="train")
    assert found.model.recipe is None  # numbers in ranges beside numbers as they are
    assert any("scaled in ways that are not used here" in note for note in found.notes)
    pipeline = fitted(usual(), LogisticRegression(), table)
    found = fitted_to(read(pipeline, tmp_path).matched(data), data, trained_on="train")
    assert any("'work' are read as none of the categories" in note for note in found.notes)
    weighted = fitted(usual(), LogisticRegression(class_weight="balanced"), table)
    found = fitted_to(read(weighted, tmp_path).matched(data), data, trained_on="train")
    assert found.model.recipe is None
    assert any("it weighs its classes" in note for note in found.notes)
