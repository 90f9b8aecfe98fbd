"""A model of a table as a scikit-learn pipeline with equal answers, where there is one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch

from disgorge_core.errors import NotApplicable
from disgorge_core.models.scikit.pipeline import BENDS
from disgorge_core.models.scikit.process import write_apart
from disgorge_core.types import Array, Column, Dataset, Model

ACTIVATIONS = {ours: theirs for theirs, ours in BENDS.items() if ours}
SILENT = ("dropout", "flatten")  # change nothing in an answer to a table's record


def why_no_pipeline(model: Model) -> str | None:
    """Why no scikit-learn pipeline gives this model's answers; None if one does."""
    if len(model.members) > 1:
        return f"This model is {len(model.members)} networks that answer together."
    if model.rule != "mean":
        return f"This model's answers pass its rule {model.rule!r}."
    if model.preprocessing.kind != "table":
        return "scikit-learn pipelines read tables."
    if model.layers is None:
        return "This model is a network of your own code."
    kinds = [layer.kind for layer in model.layers if layer.kind not in SILENT]
    bends = set(kinds[1::2])
    usual = set(kinds[::2]) == {"linear"} and len(kinds) % 2 == 1 and len(bends) <= 1
    if not usual or not bends <= set(ACTIVATIONS):
        return "scikit-learn has no network of these layers."
    return None


def has_gaps(model: Model, data: Dataset) -> bool:
    """Whether a number that the model reads is missing somewhere, so that the pipeline has to fill it."""
    numbers = [c.name for c in model.preprocessing.columns if c.values is None]
    return bool(data.x[numbers].isna().any().any())


def pipeline_bytes(model: Model, data: Dataset) -> bytes:
    """The skops file of the pipeline; raises NotApplicable where none gives the model's answers."""
    reason = why_no_pipeline(model)
    if reason:
        raise NotApplicable(reason, "Save the model's folder instead.")
    return write_apart(*described(model, data))


def described(model: Model, data: Dataset) -> tuple[dict[str, Any], dict[str, Array]]:
    """The pipeline in plain values and arrays, for the process that builds it."""
    layers = [layer for layer in model.layers or () if layer.kind not in SILENT]
    pairs = _pairs(model)
    if model.classes and len(model.classes) == 2:
        share = 0.5 if _ridge(model) else 1.0  # one score: the difference of both logits
        weight, bias = pairs[-1]
        pairs[-1] = share * (weight[1:] - weight[:1]), share * (bias[1:] - bias[:1])
    p = model.preprocessing
    starts = np.cumsum([0, *(c.width for c in p.columns)])
    about = {
        "estimator": _kind(model, len(pairs)), "layers": len(pairs), "settings": _settings(model, len(pairs)),
        "activation": ACTIVATIONS[layers[1].kind] if len(layers) > 1 else "identity",
        "classes": _classes(model.classes),
        "columns": [_column(c, p.shift[start], data) for c, start in zip(p.columns, starts, strict=False)],
    }  # fmt: skip
    arrays = {"shift": p.shift, "scale": p.scale}
    arrays |= {f"weight_{i}": weight for i, (weight, _) in enumerate(pairs)}
    return about, arrays | {f"bias_{i}": bias for i, (_, bias) in enumerate(pairs)}


def _pairs(model: Model) -> list[tuple[Array, Array]]:
    found = []
    for module in model.network.modules():
        if isinstance(module, torch.nn.Linear):
            weight = module.weight.detach().double().numpy()
            bias = (
                np.zeros(len(weight))
                if module.bias is None
                else module.bias.detach().double().numpy()
            )
            found.append((weight.copy(), np.array(bias)))
    return found


def _ridge(model: Model) -> bool:
    return model.regime == "closed form" and model.architecture == "ridge"


def _kind(model: Model, layers: int) -> str:
    if layers > 1:
        return "MLPClassifier" if model.classes else "MLPRegressor"
    if model.classes:
        return "RidgeClassifier" if _ridge(model) else "LogisticRegression"
    return "Ridge" if model.recipe is not None and model.recipe.l2 > 0 else "LinearRegression"


def _settings(model: Model, layers: int) -> dict[str, Any]:
    """The strength of the L2 term in scikit-learn's words, where the records are known."""
    if layers > 1 or model.recipe is None or model.seen is None:
        return {}
    strength = model.recipe.l2 * len(model.seen)
    kind = _kind(model, layers)
    if kind == "LogisticRegression":
        return {"C": (2.0 if len(model.classes) == 2 else 1.0) / strength} if strength else {}
    return {"alpha": strength} if kind != "LinearRegression" else {}


def _classes(names: tuple[str, ...]) -> list[Any]:
    """Whole numbers where every class is one, as scikit-learn would have read them."""
    whole = bool(names) and all(
        name.lstrip("-").isdecimal() and str(int(name)) == name for name in names
    )
    return [int(name) for name in names] if whole else list(names)


def _column(column: Column, shift: float, data: Dataset) -> Mapping[str, Any]:
    values = data.x[column.name]
    known: list[Any] | None = None if column.values is None else list(column.values)
    if known is not None and pd.api.types.is_bool_dtype(values):
        known = [value == "True" for value in known]
    elif known is not None and pd.api.types.is_numeric_dtype(values):
        known = [float(value) for value in known]
    return {
        "name": column.name, "values": known, "shift": float(shift), "gaps": bool(values.isna().any()),
    }  # fmt: skip
