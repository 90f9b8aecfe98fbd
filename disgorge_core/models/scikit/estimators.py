"""What a fitted scikit-learn model computes: its layers and settings as plain numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from disgorge_core.errors import BadModel
from disgorge_core.models.scikit.steps import MOST_FEATURES, Array, Feature, through, value_of

ESTIMATORS = (
    "LogisticRegression, RidgeClassifier, Ridge, LinearRegression, MLPClassifier, MLPRegressor"
)


def described(model: Any) -> tuple[dict[str, Any], dict[str, Array]]:
    """What the estimator and the steps before it compute, as plain values and arrays; raises BadModel."""
    from sklearn.pipeline import Pipeline

    steps = list(model.steps) if type(model) is Pipeline else [("model", model)]
    names = _names(model)
    count = int(steps[0][1].n_features_in_) if names is None else len(names)
    if not 0 < count <= MOST_FEATURES:
        raise BadModel(f"The pipeline reads {count:,} columns.", "Use fewer.")
    features = [Feature(column) for column in range(count)]
    for name, step in steps[:-1]:
        features = through(step, str(name), features, names)
        names = None  # later steps count their inputs
    about, arrays = _estimator(str(steps[-1][0]), steps[-1][1], len(features))
    about["features"] = [_plain(feature) for feature in features]
    about["names"], about["count"] = _names(model), count
    return about, arrays


def _names(model: Any) -> list[str] | None:
    found = getattr(model, "feature_names_in_", None)
    return None if found is None else [str(name) for name in found]


def _plain(f: Feature) -> dict[str, Any]:
    numbers = [f.a, f.d, *([] if f.missing is None else [f.missing])]
    if not all(map(math.isfinite, numbers)) or f.a == 0:
        raise BadModel(
            f"The step {f.step!r} scales a column by no number.", "Fit the pipeline again."
        )
    return dict(vars(f))


def _estimator(name: str, model: Any, count: int) -> tuple[dict[str, Any], dict[str, Array]]:
    from sklearn import linear_model, neural_network

    linear = (linear_model.LogisticRegression, linear_model.RidgeClassifier,
              linear_model.Ridge, linear_model.LinearRegression)  # fmt: skip
    if type(model) in linear:
        coef = np.atleast_2d(np.asarray(model.coef_, dtype=np.float64))
        bias = np.broadcast_to(np.asarray(model.intercept_, dtype=np.float64), (len(coef),))
        weights, biases, bend = [coef], [bias], "identity"
    elif type(model) in (neural_network.MLPClassifier, neural_network.MLPRegressor):
        weights = [np.asarray(w, dtype=np.float64).T for w in model.coefs_]
        biases = [np.asarray(b, dtype=np.float64) for b in model.intercepts_]
        bend = str(model.activation)
    else:
        kind = type(model).__name__
        raise BadModel(f"The model {name[:40]!r} is a {kind[:40]}.", f"Known are: {ESTIMATORS}.")
    end = str(getattr(model, "out_activation_", "identity"))
    if end not in ("identity", "logistic", "softmax"):
        raise BadModel(f"The answers pass {end!r} at last, which has no equal here.",
                       "Fit the model with its usual loss.")  # fmt: skip
    _check_chain(weights, biases, count)
    classes = [value_of(c) for c in model.classes_] if hasattr(model, "classes_") else None
    _check_outputs(model, len(weights[-1]), classes)
    about = {
        "estimator": type(model).__name__, "classes": classes, "layers": len(weights),
        "activation": bend, "settings": _settings(model),
    }  # fmt: skip
    arrays = {f"weight_{i}": w for i, w in enumerate(weights)}
    return about, arrays | {f"bias_{i}": np.array(b) for i, b in enumerate(biases)}


def _check_chain(weights: Sequence[Array], biases: Sequence[Array], count: int) -> None:
    width = count
    for weight, bias in zip(weights, biases, strict=True):
        fits = weight.ndim == 2 and weight.shape[1] == width and bias.shape == weight.shape[:1]
        if not fits or not (np.isfinite(weight).all() and np.isfinite(bias).all()):
            raise ValueError(f"weights of shape {weight.shape} do not take {width} inputs")
        width = len(weight)


def _check_outputs(model: Any, outputs: int, classes: list[list[Any]] | None) -> None:
    kind = type(model).__name__
    if classes is None:
        if outputs != 1:
            raise BadModel(f"The {kind} gives {outputs} values.", "Fit one value at a time.")
        return
    if outputs != (len(classes) if len(classes) > 2 else 1):
        raise BadModel(f"The {kind} gives several labels at once.", "Fit one label at a time.")
    ways = (getattr(model, "multi_class", ""), getattr(model, "solver", ""))
    if kind == "LogisticRegression" and len(classes) > 2 and {"ovr", "liblinear"} & set(ways):
        raise BadModel(
            "The LogisticRegression tells each class from the rest on its own.",
            "Fit it with another solver, such as lbfgs.",
        )


def _settings(model: Any) -> dict[str, Any]:
    """Its plain settings, and the epochs that an MLP took."""
    found = {k: v for k, v in vars(model).items() if not k.endswith("_") or k == "n_iter_"}
    plain = {k: v for k, v in found.items() if isinstance(v, int | float | str | bool | None)}
    return {
        k: repr(v) if isinstance(v, float) and not math.isfinite(v) else v for k, v in plain.items()
    }
