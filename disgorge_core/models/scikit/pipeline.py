"""A pipeline of scikit-learn (as `scikit.estimators` describes it) as layers and preprocessing.

Answers are equal. Every input of the estimator is f = a x + d, with x a number or whether a category is
there. The network's input is z = (x - shift) scale, 0 where x is missing. So shift is where a missing
number was put, scale is a, and what f has beyond z goes into the first layer: W f + b = W z + (b + W (f -
z)). One score s for two classes becomes two logits (-s/2, s/2), whose softmax is the logistic function of
s and whose weights are where an L2 term of 2/(C n) on both balances.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from disgorge_core.errors import BadModel
from disgorge_core.models.fit_check import outputs_of
from disgorge_core.models.scikit.recipes import recipe_of
from disgorge_core.models.weights import Weights, checked
from disgorge_core.types import Array, Column, Dataset, Layer, Preprocessing

BENDS = {"relu": "relu", "tanh": "tanh", "logistic": "sigmoid", "identity": ""}
CLASSIFIERS = ("LogisticRegression", "RidgeClassifier", "MLPClassifier")
CLOSE = 1e-12


@dataclass(frozen=True, eq=False)
class Pipeline:
    """What a file's pipeline computes, before it meets a dataset."""

    about: Mapping[str, Any]
    arrays: Mapping[str, Array]

    def matched(self, data: Dataset) -> Weights:
        """Layers and preprocessing for this dataset; raises BadModel where they cannot be equal."""
        self._check_task(data)
        sources = _sources(self.about, data)
        first, bias = self.arrays["weight_0"], self.arrays["bias_0"].copy()
        made = [source.taken_up(first) for source in sources]
        weight = np.concatenate([m.weight for m in made], axis=1)
        bias += np.sum([m.bias for m in made], axis=0)
        layers, state = self._network(weight, bias, data)
        classes, about_classes = _classes(self.about, data)
        recipe = recipe_of(self.about, sources)
        seconds = f"The file was read in {self.about['seconds']} seconds by a process of its own."
        notes = [n for source in sources for n in source.notes]
        found = checked(state, ordered=True, layers=layers)
        return replace(
            found, preprocessing=_preprocessing(sources, made, recipe.scaling), classes=classes,
            recipe=recipe.make, architecture=recipe.architecture, settings=recipe.settings,
            regime=recipe.regime, notes=(seconds, *about_classes, *notes, *recipe.notes),
        )  # fmt: skip

    def _check_task(self, data: Dataset) -> None:
        kind = self.about["estimator"]
        if data.kind != "table":
            raise BadModel(f"A {kind} reads a table, this dataset has none.", "Choose a table.")
        task = "classification" if kind in CLASSIFIERS else "regression"
        if task != data.task:
            raise BadModel(
                f"The {kind} does {task}, the dataset is for {data.task}.",
                "Choose the dataset that it was trained for.",
            )
        found = len(self.about["classes"] or [None])
        if found != outputs_of(data):
            raise BadModel(
                f"The {kind} tells apart {found} classes, the dataset {outputs_of(data)}.",
                "Choose the dataset that it was trained for.",
            )

    def _network(
        self, weight: Array, bias: Array, data: Dataset
    ) -> tuple[tuple[Layer, ...], dict[str, torch.Tensor]]:
        count = self.about["layers"]
        pairs = [(weight, bias)]
        pairs += [(self.arrays[f"weight_{i}"], self.arrays[f"bias_{i}"]) for i in range(1, count)]
        if data.task == "classification" and len(pairs[-1][0]) == 1:
            pairs[-1] = _two_logits(*pairs[-1], self.about["estimator"])
        layers: list[Layer] = []
        state: dict[str, torch.Tensor] = {}
        for number, (w, b) in enumerate(pairs):
            name = "head" if number == count - 1 else f"hidden.{number}"
            layers.append(Layer("linear", name, {"inputs": w.shape[1], "outputs": len(w)}))
            bend = BENDS[self.about["activation"]]
            if number < count - 1 and bend:
                layers.append(Layer(bend))
            state |= {f"{name}.weight": torch.tensor(w), f"{name}.bias": torch.tensor(b)}
        return tuple(layers), state


def _two_logits(weight: Array, bias: Array, estimator: str) -> tuple[Array, Array]:
    """One score as two logits: half of it each way, or the ±1 targets of a ridge classifier."""
    share = 1.0 if estimator == "RidgeClassifier" else 0.5
    return share * np.concatenate([-weight, weight]), share * np.concatenate([-bias, bias])


def _classes(
    about: Mapping[str, Any], data: Dataset
) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """The classes in the order of the outputs, in the dataset's names; None as they are there."""
    if not about["classes"]:
        return None, ()
    names = tuple(as_text(value) for _, value in about["classes"])
    if set(names) == set(data.classes):
        return names, ()
    if names == tuple(map(str, range(len(names)))):
        said = "The file numbers its classes; they were taken in the dataset's order."
        return None, (said,)
    return names, ()  # refused by who puts them in order, with both lists


def as_text(value: Any) -> str:
    """A class or category as datasets name it: whole numbers without a point."""
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value)) if whole else str(value)


# --- columns ------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Taken:
    """One column of the dataset in the first layer: weights, what is added to the bias, input scaling."""

    weight: Array
    bias: Array
    shift: Array
    scale: Array


@dataclass(frozen=True, eq=False)
class Source:
    """One column of the dataset with the estimator's inputs that come from it."""

    name: str
    features: tuple[Mapping[str, Any], ...]
    places: tuple[int, ...]  # positions of the features among the estimator's inputs
    values: tuple[str, ...] | None  # known categories; None: a number
    gaps: bool  # the dataset lacks values here
    fill: str | None = None  # the category that stands for a missing one; "" for one of its own
    notes: tuple[str, ...] = ()

    @property
    def column(self) -> Column:
        """The column as a model reads it."""
        return Column(self.name, self.values)

    def taken_up(self, first: Array) -> Taken:
        """The column's part of the first layer (outputs, inputs of the estimator)."""
        own = first[:, list(self.places)]
        a = np.array([f["a"] for f in self.features])
        d = np.array([f["d"] for f in self.features])
        return self._number(own, a, d) if self.values is None else self._category(own, a, d)

    def _number(self, own: Array, a: Array, d: Array) -> Taken:
        lead, missing = self.features[0], [f["missing"] for f in self.features]
        at = 0.0 if missing[0] is None else missing[0]
        shift, scale = (at - lead["d"]) / lead["a"], lead["a"]
        if self.gaps and not np.allclose(missing, a * shift + d, rtol=CLOSE, atol=CLOSE):
            raise _unequal(self, "fills missing values in two ways")
        weight = own @ (a / scale)
        return Taken(weight[:, None], own @ (a * shift + d), np.array([shift]), np.array([scale]))

    def _category(self, own: Array, a: Array, d: Array) -> Taken:
        """In terms of "is it this one": W (a 1 + d); a missing value takes what its stand-in adds."""
        unit, bias = own * a, own @ d
        names = [_named(f) for f in self.features]
        known = [names.index(value) for value in self.values or ()]
        if self.fill is not None and self.gaps and self.fill in names:
            stand_in = unit[:, names.index(self.fill)]
            unit, bias = unit - stand_in[:, None], bias + stand_in
        unit, a, d = unit[:, known], a[known], d[known]
        return Taken(unit / a, bias - (unit / a) @ d, -d / a, a)


def _named(feature: Mapping[str, Any]) -> str:
    return "" if feature["value"][0] == "missing" else str(feature["text"])


def _sources(about: Mapping[str, Any], data: Dataset) -> list[Source]:
    """The columns that the pipeline reads, in the order of their first use; raises BadModel."""
    names = _column_names(about, data)
    used: dict[int, list[int]] = {}
    for place, feature in enumerate(about["features"]):
        used.setdefault(feature["column"], []).append(place)
    return [_source(names[column], about, places, data) for column, places in used.items()]


def _column_names(about: Mapping[str, Any], data: Dataset) -> list[str]:
    own = [str(name) for name in data.x.columns]
    if about["names"] is None:
        if about["count"] != len(own):
            raise BadModel(
                f"The pipeline reads {about['count']:,} columns without names, the dataset has"
                f" {len(own):,}.",
                "Fit it on a table with column names.",
            )
        return own
    absent = [name for name in about["names"] if name not in own]
    if absent:
        raise BadModel(
            f"The pipeline reads {', '.join(absent[:3])[:80]!r}, which is no feature of the dataset.",
            f"Its features are: {', '.join(own[:8])[:120]}.",
        )
    return list(about["names"])


def _source(name: str, about: Mapping[str, Any], places: Sequence[int], data: Dataset) -> Source:
    features = [dict(about["features"][place]) for place in places]
    values, gaps = data.x[name], bool(data.x[name].isna().any())
    one = Source(name, tuple(features), tuple(places), None, gaps)
    if all(feature["value"] is None for feature in features):
        return _as_number(one, values)
    if any(feature["value"] is None for feature in features):
        raise _unequal(one, "uses the column as a number and as a category")
    return _as_category(one, values)


def _as_number(one: Source, values: pd.Series) -> Source:
    if not pd.api.types.is_numeric_dtype(values):
        raise BadModel(
            f"The pipeline reads the column {one.name[:60]!r} as a number, it holds text.",
            "Choose the dataset that it was trained for.",
        )
    filled = all(feature["missing"] is not None for feature in one.features)
    if one.gaps and not filled:
        said = f"Missing values of {one.name!r}: the pipeline would not answer, this model does."
        return replace(one, notes=(said,))
    return one


def _as_category(one: Source, values: pd.Series) -> Source:
    features = tuple({**f, "text": _as_here(f["value"], values)} for f in one.features)
    names = [_named(feature) for feature in features]
    if len(set(names)) < len(names):
        raise _unequal(one, "encodes the column twice")
    fill = features[0]["fill"]
    stand_in = _as_here(fill, values) if fill else "" if "" in names else None
    known = tuple(name for name in names if name)
    found = replace(one, features=features, values=known, fill=stand_in)
    foreign = sorted(set(values.dropna().astype("string")) - set(known))
    if one.features[0]["whole"] and foreign:
        found = replace(found, notes=(_about_foreign(one, foreign),))
    if foreign and one.gaps and stand_in in names and features[0]["ignores"]:
        raise _unequal(one, "answers missing and unknown categories in two ways")
    return found


def _about_foreign(one: Source, foreign: Sequence[str]) -> str:
    few = ", ".join(foreign[:3])[:60]
    if one.features[0]["ignores"]:
        return f"{len(foreign)} categories of {one.name!r} were not seen in fitting ({few})."
    return f"The pipeline would not answer for categories of {one.name!r} such as {few}; this model does."


def _as_here(value: Sequence[Any], values: pd.Series) -> str:
    """A category as the dataset's column writes it."""
    kind, plain = value
    if kind == "missing":
        return ""
    if kind == "number" and pd.api.types.is_float_dtype(values):
        return str(pd.Series([plain]).astype("string").iloc[0])
    return as_text(plain)


def _unequal(one: Source, why: str) -> BadModel:
    step = one.features[0]["step"]
    return BadModel(
        f"The step {step[:40]!r} {why} ({one.name[:40]!r}), which cannot be equal here.",
        "Fit a pipeline that treats each column in one way.",
    )


def _preprocessing(sources: Sequence[Source], made: Sequence[Taken], scaling: str) -> Preprocessing:
    shift = np.concatenate([m.shift for m in made])
    scale = np.concatenate([m.scale for m in made])
    features = [feature for source in sources for feature in source.features]
    stated = all(
        f["value"] is None and f["scaled"] == "none" and f["missing"] is None for f in features
    )
    return Preprocessing(
        "table", shift, scale, tuple(s.column for s in sources), fitted=not stated, scaling=scaling
    )
