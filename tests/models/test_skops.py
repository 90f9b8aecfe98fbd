"""Pipelines of scikit-learn: equal answers to those of the file's own pipeline, or a refusal by step."""

from __future__ import annotations

import json
import warnings
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, OneHotEncoder, StandardScaler

from disgorge_core.errors import BadModel
from disgorge_core.models.fit_check import class_order_check
from disgorge_core.models.loading import Loaded, fitted_to, open_model
from disgorge_core.models.prediction import logits, probabilities
from disgorge_core.models.scikit.archive import loaded
from disgorge_core.models.scikit.child import BROKEN
from disgorge_core.models.scikit.estimators import described
from tests.models.pipelines import (
    NUMBERS,
    dataset,
    everything_scaled,
    file_of,
    fitted,
    frame,
    medians,
    read,
    usual,
)

FEATURES = ["age", "income", "work", "rooms"]
BEFORE = {"usual": usual, "medians": medians, "everything scaled": everything_scaled}
CLASSIFIERS = {
    "logistic": lambda: LogisticRegression(C=0.7),
    "ridge": lambda: RidgeClassifier(alpha=2.0),
    "mlp": lambda: MLPClassifier((7, 5), activation="tanh", max_iter=15, random_state=0),
}
REGRESSIONS = {
    "ridge": lambda: Ridge(alpha=3.0),
    "least squares": LinearRegression,
    "mlp": lambda: MLPRegressor(
        hidden_layer_sizes=(6,), activation="logistic", max_iter=15, random_state=0
    ),
}


def opened(pipeline: Any, table: pd.DataFrame, folder: Path, label: str = "answer") -> Loaded:
    data = dataset(table, label)
    return fitted_to(read(pipeline, folder).matched(data), data, trained_on="train")


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize("before", BEFORE)
def test_classifiers_answer_as_the_files_own_pipeline(
    tmp_path: Path, before: str, name: str, classes: int
) -> None:
    table = frame(classes=classes)
    pipeline = fitted(BEFORE[before](), CLASSIFIERS[name](), table)
    model, data = opened(pipeline, table, tmp_path).model, dataset(table)
    place = [list(pipeline.classes_).index(c) for c in data.classes]
    if name == "ridge":
        decision = np.atleast_2d(pipeline.decision_function(table[FEATURES]).T).T
        own = np.hstack([-decision, decision]) if classes == 2 else decision
        assert np.abs(logits(model, data.x) - own[:, place]).max() < 1e-9
    else:
        own = pipeline.predict_proba(table[FEATURES])
        assert np.abs(probabilities(model, data.x) - own[:, place]).max() < 1e-9
    said = np.array(data.classes)[logits(model, data.x).argmax(1)]
    assert (said == pipeline.predict(table[FEATURES])).all()
    assert not class_order_check(model, data).suggested


@pytest.mark.parametrize("name", REGRESSIONS)
@pytest.mark.parametrize("before", BEFORE)
def test_regressions_answer_as_the_files_own_pipeline(
    tmp_path: Path, before: str, name: str
) -> None:
    table = frame()
    pipeline = fitted(BEFORE[before](), REGRESSIONS[name](), table, "score")
    model, data = opened(pipeline, table, tmp_path, "score").model, dataset(table, "score")
    expected = pipeline.predict(table[FEATURES])
    assert np.abs(logits(model, data.x)[:, 0] - expected).max() < 1e-9


def test_a_model_alone_without_column_names(tmp_path: Path) -> None:
    table = frame(gaps=False)[["age", "income", "answer", "score"]]
    data = dataset(table)
    model = LogisticRegression(max_iter=1000).fit(table[NUMBERS].to_numpy(), table["answer"])
    found = fitted_to(read(model, tmp_path).matched(data), data)
    place = [list(model.classes_).index(c) for c in data.classes]
    own = model.predict_proba(table[NUMBERS].to_numpy())[:, place]
    assert np.abs(probabilities(found.model, data.x) - own).max() < 1e-9
    assert found.model.seen is None
    assert found.model.recipe is None
    assert not found.model.preprocessing.fitted  # nothing was fitted to data
    assert any("not scaled" in note for note in found.notes)


def test_columns_may_stand_in_another_order_and_classes_be_whole_numbers(tmp_path: Path) -> None:
    table = frame(gaps=False).assign(answer=lambda t: (t["score"] > 2).astype(int) * 10)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    pipeline.fit(table[["rooms", "age"]], table["answer"])
    data = dataset(table[["age", "income", "work", "rooms", "answer", "score"]])
    found = fitted_to(read(pipeline, tmp_path).matched(data), data)
    assert [c.name for c in found.model.preprocessing.columns] == ["rooms", "age"]
    assert data.classes == ("0", "10")
    own = pipeline.predict_proba(table[["rooms", "age"]])
    assert np.abs(probabilities(found.model, data.x) - own).max() < 1e-9


def test_numbered_classes_are_taken_in_order_and_checked(tmp_path: Path) -> None:
    table = frame(gaps=False)
    codes = table["answer"].map({"yes": 0, "no": 1, "maybe": 2})  # not the alphabet's order
    pipeline = make_pipeline(usual(), LogisticRegression(C=10)).fit(table[FEATURES], codes)
    data = dataset(table)
    found = fitted_to(read(pipeline, tmp_path).matched(data), data)
    assert any("numbers its classes" in note for note in found.notes)
    order = class_order_check(found.model, data)
    assert order.suggested
    assert order.best > order.accuracy + 0.3


def test_the_process_of_its_own_reads_the_file_and_says_how_long(tmp_path: Path) -> None:
    table = frame()
    pipeline = fitted(usual(), CLASSIFIERS["mlp"](), table)
    path, data = tmp_path / "m.skops", dataset(table)
    path.write_bytes(file_of(pipeline))
    found = open_model(path, data, trained_on="train")
    place = [list(pipeline.classes_).index(c) for c in data.classes]
    own = pipeline.predict_proba(table[FEATURES])[:, place]
    assert np.abs(probabilities(found.model, data.x) - own).max() < 1e-9
    assert any("seconds by a process of its own" in note for note in found.notes)


# --- what cannot be equal -----------------------------------------------------------------------


def selected() -> Any:
    from sklearn.compose import make_column_selector

    return ColumnTransformer([("n", StandardScaler(), make_column_selector(dtype_include=float))])


@pytest.mark.parametrize(
    ("before", "model", "says"),
    [
        (make_pipeline(SimpleImputer(), PCA(2)), LogisticRegression(), "'pca' (PCA) has no equal here"),
        (make_pipeline(SimpleImputer(), MinMaxScaler(clip=True)), LogisticRegression(), "cuts values off"),
        (SimpleImputer(add_indicator=True), LogisticRegression(), "marks what was missing"),
        (SimpleImputer(), RandomForestClassifier(2, max_depth=1), "Tree, which could run code"),
        (SimpleImputer(), LogisticRegression(solver="liblinear"), None),
        (make_pipeline(SimpleImputer(), FunctionTransformer(np.log1p)), LogisticRegression(),
         "(FunctionTransformer)"),
        (SimpleImputer(), MLPRegressor("poisson", (3,), max_iter=2), "'exp' at last"),
    ],
)  # fmt: skip
def test_steps_without_an_equal_are_named(
    tmp_path: Path, before: Any, model: Any, says: str | None
) -> None:
    table = frame(classes=2)
    label = table["rooms"] if isinstance(model, MLPRegressor) else table["answer"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # two steps are not enough to converge
        pipeline = make_pipeline(before, model).fit(table[["age", "income", "rooms"]], label)
    if says is None:
        assert read(pipeline, tmp_path)
        return
    with pytest.raises(BadModel) as error:
        read(pipeline, tmp_path)
    assert says in str(error.value)
    assert len(str(error.value).splitlines()) == 1
    assert error.value.remedy


def test_columns_chosen_by_a_function_are_refused(tmp_path: Path) -> None:
    table = frame(gaps=False)
    pipeline = make_pipeline(selected(), LogisticRegression()).fit(table[FEATURES], table["answer"])
    with pytest.raises(BadModel, match=r"make_column_selector, .* columns are given by name"):
        read(pipeline, tmp_path)


def test_what_does_not_belong_to_the_dataset_is_said(tmp_path: Path) -> None:
    table = frame()
    pipeline = read(fitted(usual(), LogisticRegression(), table), tmp_path)
    with pytest.raises(BadModel, match="does classification, the dataset is for regression"):
        pipeline.matched(dataset(table, "score"))
    other = dataset(table.rename(columns={"income": "pay"}))
    with pytest.raises(BadModel, match="'income', which is no feature of the dataset"):
        pipeline.matched(other)
    words = dataset(table.assign(age=np.where(table["age"] > 40, "old", "young")))
    with pytest.raises(BadModel, match="'age' as a number, it holds text"):
        pipeline.matched(words)
    two = dataset(frame(classes=2))
    with pytest.raises(BadModel, match="tells apart 3 classes, the dataset 2"):
        pipeline.matched(two)
    with pytest.raises(BadModel, match="reads a table"):
        pipeline.matched(replace(dataset(table), kind="image"))


def test_missing_and_unknown_in_two_ways_are_refused_only_where_both_occur(tmp_path: Path) -> None:
    table = frame()
    ways = make_pipeline(
        SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")
    )
    before = ColumnTransformer([("cat", ways, ["work"])])
    pipeline = read(fitted(before, LogisticRegression(), table), tmp_path)
    assert pipeline.matched(dataset(table))
    odd = table.assign(work=table["work"].mask(table.index == 3, "potter"))
    with pytest.raises(BadModel, match="missing and unknown categories in two ways"):
        pipeline.matched(dataset(odd))


# --- hostile ------------------------------------------------------------------------------------


def schema_of(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("schema.json"))


@pytest.mark.parametrize("how", ["type", "reduce", "noise", "cut", "twice", "member"])
def test_changed_files_are_refused_and_nothing_runs(tmp_path: Path, how: str) -> None:
    mark = tmp_path / "mark"
    path, bad = tmp_path / "m.skops", tmp_path / "bad.skops"
    path.write_bytes(file_of(LogisticRegression().fit([[0.0], [1.0]], ["a", "b"])))
    schema = schema_of(path)
    if how == "type":
        schema["content"]["content"]["tol"] = {
            "__class__": "system", "__module__": "os", "__loader__": "FunctionNode",
        }  # fmt: skip
    if how == "reduce":
        schema = {
            "__class__": "mkdir", "__module__": "os", "__loader__": "ConstructorFromReduceNode",
            "content": {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode",
                        "content": json.dumps(str(mark)), "is_json": True},
        }  # fmt: skip
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(bad, "w") as new, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in old.namelist():
            content = old.read(name) if name != "schema.json" else json.dumps(schema).encode()
            if how == "noise" and name == "schema.json":
                content = b"\xff noise"
            new.writestr(name, content)
            if how == "twice":
                new.writestr(name, content)
        if how == "member":
            new.writestr("code.py", b"print(1)")
    if how == "cut":
        bad.write_bytes(bad.read_bytes()[:200])
    with pytest.raises((BadModel, *BROKEN)):
        described(loaded(bad, 2**30))
    assert not mark.exists()


def test_a_file_that_is_too_large_inside_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.skops"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", b"{}" + b" " * 5_000_000)
    with pytest.raises(BadModel, match="too large inside"):
        loaded(path, 1_000_000)
