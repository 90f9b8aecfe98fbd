"""A fitted scikit-learn pipeline from plain numbers, written as a skops file.

Each object is fitted to a few made-up rows, so that it has everything that fitting gives it, then its
numbers are put in place: values, shifts and weights, and nothing of the made-up rows is left in them.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from disgorge_core.models.scikit.steps import Array

NOT_NEEDED = ("_optimizer", "_random_state", "loss_curve_", "validation_scores_")


def write(about: Mapping[str, Any], arrays: Mapping[str, Array], path: Path) -> None:
    """Write the pipeline that `about` describes; raises OSError."""
    from skops.io import dump

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the made-up fits do not converge
        dump(built(about, arrays), path)


def built(about: Mapping[str, Any], arrays: Mapping[str, Array]) -> Any:
    """Encoding of the columns, scaling, estimator."""
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    columns, classes = about["columns"], about["classes"]
    rows = 4 * max(2, len(classes), *(len(c["values"] or ()) for c in columns))
    frame = _made_up(columns, rows)
    encoder = _encoder(columns).fit(frame)
    scaler = StandardScaler().fit(encoder.transform(frame))
    scaler.mean_, scaler.scale_ = arrays["shift"], 1 / arrays["scale"]
    scaler.var_ = scaler.scale_**2
    target = np.resize(np.array(classes), rows) if classes else np.arange(rows) / rows
    model = _estimator(about, arrays).fit(scaler.transform(encoder.transform(frame)), target)
    _put_in_place(model, about, arrays)
    return Pipeline([("columns", encoder), ("scale", scaler), ("model", model)])


def _made_up(columns: Sequence[Mapping[str, Any]], rows: int) -> Any:
    import pandas as pd

    numbers = np.arange(rows) / rows
    return pd.DataFrame(
        {
            c["name"]: numbers if c["values"] is None else np.resize(_values(c), rows)
            for c in columns
        }
    )


def _values(column: Mapping[str, Any]) -> Array:
    texts = any(isinstance(value, str) for value in column["values"])
    return np.array(column["values"], dtype=object if texts else None)


def _encoder(columns: Sequence[Mapping[str, Any]]) -> Any:
    from sklearn.compose import ColumnTransformer

    parts = [(f"column {i}", _part(c), [c["name"]]) for i, c in enumerate(columns)]
    return ColumnTransformer(parts, sparse_threshold=0)


def _part(column: Mapping[str, Any]) -> Any:
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import OneHotEncoder

    if column["values"] is not None:
        return OneHotEncoder(
            categories=[_values(column)], handle_unknown="ignore", sparse_output=False
        )
    if column["gaps"]:
        return SimpleImputer(strategy="constant", fill_value=float(column["shift"]))
    return "passthrough"


def _estimator(about: Mapping[str, Any], arrays: Mapping[str, Array]) -> Any:
    from sklearn import linear_model, neural_network

    kind, settings = about["estimator"], about["settings"]
    if kind.startswith("MLP"):
        hidden = tuple(len(arrays[f"weight_{i}"]) for i in range(about["layers"] - 1))
        made = getattr(neural_network, kind)
        return made(
            hidden_layer_sizes=hidden, activation=about["activation"], max_iter=1, **settings
        )
    return getattr(linear_model, kind)(**settings)


def _put_in_place(model: Any, about: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    numbers = range(about["layers"])
    weights, biases = ([arrays[f"{name}_{i}"] for i in numbers] for name in ("weight", "bias"))
    if about["estimator"].startswith("MLP"):
        model.coefs_, model.intercepts_ = [w.T.copy() for w in weights], biases
        for name in NOT_NEEDED:
            vars(model).pop(name, None)
    elif about["classes"]:
        model.coef_, model.intercept_ = weights[0], biases[0]
    else:
        model.coef_, model.intercept_ = weights[0][0], float(biases[0][0])
