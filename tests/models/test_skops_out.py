"""Models of tables as scikit-learn pipelines: equal answers in scikit-learn, and back again here."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression, Ridge

from disgorge_core import training
from disgorge_core.errors import NotApplicable
from disgorge_core.models.loading import fitted_to
from disgorge_core.models.prediction import logits, probabilities
from disgorge_core.models.scikit.build import built
from disgorge_core.models.scikit.leaving import described, pipeline_bytes, why_no_pipeline
from disgorge_core.regimes.sharded import Sharded
from disgorge_core.types import Layer, Model, Recipe
from tests.methods.small import plain
from tests.models.pipelines import dataset, everything_scaled, file_of, fitted, frame, read

RECIPE = Recipe(epochs=3, lr=0.05, batch=32, l2=0.01, dtype="float64")
TANH = {"activation": "tanh", "width": 6, "depth": 2, "dropout": 0.2}


def pipeline_of(model: Model, data: Any) -> Any:
    """As the limited process builds it, in this one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return built(*described(model, data))


@pytest.mark.parametrize(
    ("architecture", "settings"), [("linear", {}), ("mlp", TANH), ("ridge", {})]
)
@pytest.mark.parametrize(("classes", "label"), [(2, "answer"), (3, "answer"), (3, "score")])
def test_scikit_learn_answers_as_the_model(
    tmp_path: Path, architecture: str, settings: dict[str, Any], classes: int, label: str
) -> None:
    table = frame(classes=classes)
    data = dataset(table, label)
    model = training.fit(data, architecture, RECIPE, settings=settings)
    pipeline = pipeline_of(model, data)
    x = table[["rooms", "work", "age", "income"]]  # its columns go by name
    if label == "score":
        assert np.abs(pipeline.predict(x) - logits(model, data.x)[:, 0]).max() < 1e-9
    else:
        assert list(pipeline.classes_) == list(data.classes)
        said = np.array(data.classes)[logits(model, data.x).argmax(1)]
        assert (pipeline.predict(x) == said).all()
        if architecture != "ridge":
            own = probabilities(model, data.x)
            assert np.abs(pipeline.predict_proba(x) - own).max() < 1e-9
    back = fitted_to(read(pipeline, tmp_path).matched(data), data).model
    assert np.abs(logits(back, data.x).argmax(1) - logits(model, data.x).argmax(1)).max() == 0
    if architecture != "ridge" and label != "score":
        assert np.abs(probabilities(back, data.x) - probabilities(model, data.x)).max() < 1e-9


def test_what_came_from_scikit_learn_goes_back_equal(tmp_path: Path) -> None:
    table = frame(classes=2)
    data = dataset(table)
    came = fitted(everything_scaled(), LogisticRegression(C=0.5), table)
    model = fitted_to(read(came, tmp_path).matched(data), data, trained_on="train").model
    content = pipeline_bytes(model, data)
    untrusted = skops.io.get_untrusted_types(data=content)
    assert set(untrusted) <= {"numpy.dtype"}
    goes = skops.io.loads(content, trusted=untrusted)
    x = table[["age", "income", "work", "rooms"]]
    assert np.abs(goes.predict_proba(x) - came.predict_proba(x)).max() < 1e-9


def test_without_gaps_the_file_holds_no_untrusted_type(tmp_path: Path) -> None:
    table = frame(gaps=False)
    for label, name in (("answer", "mlp"), ("score", "linear")):
        data = dataset(table, label)
        model = training.fit(data, name, RECIPE)
        content = file_of(pipeline_of(model, data))
        assert skops.io.get_untrusted_types(data=content) == []
        assert fitted_to(read(pipeline_of(model, data), tmp_path).matched(data), data)


def test_strengths_are_in_the_words_of_scikit_learn(tmp_path: Path) -> None:
    table = frame(gaps=False)
    data = dataset(table, "score")
    own = training.fit(data, "ridge", Recipe(l2=0.02), settings={"intercept": "free"})
    pipeline = pipeline_of(own, data)
    n = len(data.rows("train"))
    assert pipeline.named_steps["model"].alpha == pytest.approx(0.02 * n)
    z = pipeline[:-1].transform(table.iloc[data.rows("train")])
    again = Ridge(alpha=0.02 * n).fit(z, data.y[data.rows("train")])
    assert np.allclose(again.coef_, pipeline.named_steps["model"].coef_, atol=1e-9)


def test_the_reason_why_not_is_given() -> None:
    table = frame()
    data = dataset(table)
    linear = training.fit(data, "linear", RECIPE)
    shards = training.fit(data, "linear", RECIPE, regime=Sharded(2, 0))
    norm = (Layer("linear", "a", {"inputs": 9, "outputs": 4}), Layer("layernorm", "n", {"channels": 4}),
            Layer("linear", "head", {"inputs": 4, "outputs": 3}))  # fmt: skip
    for model, says in (
        (shards, "2 networks"),
        (replace(linear, rule="guard"), "rule 'guard'"),
        (plain(), "read tables"),
        (replace(linear, layers=None), "your own code"),
        (training.fit(data, norm, RECIPE), "no network of these layers"),
    ):
        assert says in (why_no_pipeline(model) or "")
        with pytest.raises(NotApplicable, match="folder instead"):
            pipeline_bytes(model, data)
