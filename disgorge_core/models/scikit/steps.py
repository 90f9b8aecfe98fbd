"""From the steps before an estimator to what each of its inputs is, in terms of one column of the table.

Every input is followed back to a x + d, with x a column's number or whether it holds a category. What is
not of that form is refused by the name of its step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from disgorge_core.errors import BadModel

Array = npt.NDArray[Any]  # the library's own word for it would bring torch into this process
MOST_FEATURES = 100_000


@dataclass(frozen=True)
class Feature:
    """One input of the estimator: a x + d, with x a column's number or whether it holds `value`.

    `missing` is the input where the number is missing, `fill` what a missing value was replaced by
    before anything else; both None where nothing was.
    """

    column: int
    step: str = ""
    value: list[Any] | None = None
    a: float = 1.0
    d: float = 0.0
    missing: float | None = None
    fill: list[Any] | None = None
    scaled: str = "none"
    ignores: bool = True  # an unknown category gives zeros instead of an error
    whole: bool = True  # every known category has an input of its own

    @property
    def untouched(self) -> bool:
        """Whether it is still the column itself."""
        return self.value is None and (self.a, self.d) == (1.0, 0.0)


def through(
    step: Any, name: str, features: list[Feature], names: list[str] | None
) -> list[Feature]:
    """The features after one step; raises BadModel for one that has no equal here."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import (
        FunctionTransformer,
        MinMaxScaler,
        OneHotEncoder,
        StandardScaler,
    )

    known = {
        StandardScaler: _standard, MinMaxScaler: _ranged, SimpleImputer: _imputed, OneHotEncoder: _encoded,
    }  # fmt: skip
    if step is None or step == "passthrough":
        return features
    if type(step) is FunctionTransformer and step.func is None:
        return features
    if type(step) is Pipeline:
        for inner, part in step.steps:
            features = through(part, str(inner), features, names)
            names = None
        return features
    if type(step) is ColumnTransformer:
        return _columns(step, name, features, names)
    if type(step) not in known:
        raise _no_equal(name, step, "has no equal here")
    if int(step.n_features_in_) != len(features):
        raise ValueError(f"the step {name} takes {step.n_features_in_} columns")
    found = known[type(step)](step, name, features)
    if len(found) > MOST_FEATURES:
        raise BadModel(f"The step {name!r} makes {len(found):,} columns.", "Use fewer.")
    return [replace(feature, step=name) for feature in found]


def _no_equal(name: str, step: Any, why: str) -> BadModel:
    kind = type(step).__name__
    return BadModel(
        f"The step {name[:40]!r} ({kind[:40]}) {why}.",
        "Use StandardScaler, MinMaxScaler, OneHotEncoder, SimpleImputer or ColumnTransformer.",
    )


def _columns(
    step: Any, name: str, features: list[Feature], names: list[str] | None
) -> list[Feature]:
    if step.transformer_weights:
        raise _no_equal(name, step, "weighs its parts, which has no equal here")
    found: list[Feature] = []
    for inner, part, columns in step.transformers_:
        if part == "drop":
            continue
        chosen = [features[place] for place in _places(columns, names, len(features))]
        own = [names[place] for place in _places(columns, names, len(features))] if names else None
        found += through(part, str(inner), chosen, own) if chosen else []
    return found


def _places(columns: Any, names: list[str] | None, count: int) -> list[int]:
    """Positions of the columns that a part of a ColumnTransformer reads."""
    if isinstance(columns, slice):
        return list(range(count))[columns]
    chosen = [columns] if isinstance(columns, str | int) else list(columns)
    if chosen and all(isinstance(c, bool | np.bool_) for c in chosen):
        return [place for place, yes in enumerate(chosen) if yes]
    return [(names or []).index(c) if isinstance(c, str) else range(count)[int(c)] for c in chosen]


def _standard(step: Any, name: str, features: list[Feature]) -> list[Feature]:
    shift = np.zeros(len(features)) if step.mean_ is None else _numbers(step.mean_, len(features))
    scale = np.ones(len(features)) if step.scale_ is None else _numbers(step.scale_, len(features))
    usual = step.mean_ is not None and step.scale_ is not None
    return [_moved(f, 1 / s, -m / s, "standard" if usual else "mixed")
            for f, m, s in zip(features, shift, scale, strict=True)]  # fmt: skip


def _ranged(step: Any, name: str, features: list[Feature]) -> list[Feature]:
    if step.clip:
        raise _no_equal(name, step, "cuts values off at its range, which has no equal here")
    scale, low = _numbers(step.scale_, len(features)), _numbers(step.min_, len(features))
    how = "range" if tuple(step.feature_range) == (0, 1) else "mixed"
    return [_moved(f, s, m, how) for f, s, m in zip(features, scale, low, strict=True)]


def _moved(f: Feature, scale: float, shift: float, how: str) -> Feature:
    """The feature times scale plus shift; one of 0 and 1 that stays so is not scaled."""
    if f.value is not None and (scale, shift) == (1.0, 0.0):
        return f
    missing = None if f.missing is None else float(f.missing * scale + shift)
    scaled = how if f.scaled == "none" else "mixed"
    return replace(
        f, a=float(f.a * scale), d=float(f.d * scale + shift), missing=missing, scaled=scaled
    )


def _imputed(step: Any, name: str, features: list[Feature]) -> list[Feature]:
    marked = isinstance(step.missing_values, float) and math.isnan(step.missing_values)
    if step.add_indicator or not (marked or step.missing_values is None):
        raise _no_equal(name, step, "marks what was missing, which has no equal here")
    return [
        _filled(f, value, name, step)
        for f, value in zip(features, list(step.statistics_), strict=True)
    ]


def _filled(f: Feature, value: Any, name: str, step: Any) -> Feature:
    if f.value is not None or f.missing is not None or f.fill is not None:
        return f  # nothing is missing here any more
    plain = value_of(value)
    if plain[0] == "missing":
        raise _no_equal(name, step, "drops a column without values, which has no equal here")
    number = float(value) if plain[0] in ("number", "flag") else None
    return replace(f, fill=plain if f.untouched else None, missing=number)


def _encoded(step: Any, name: str, features: list[Feature]) -> list[Feature]:
    if step.min_frequency is not None or step.max_categories is not None:
        raise _no_equal(name, step, "puts rare categories together, which has no equal here")
    if not all(feature.untouched for feature in features):
        raise _no_equal(name, step, "reads columns that were changed before")
    dropped = [None] * len(features) if step.drop_idx_ is None else list(step.drop_idx_)
    ignores = step.handle_unknown != "error"
    found = []
    for f, values, drop in zip(features, step.categories_, dropped, strict=True):
        base = replace(f, missing=None, ignores=ignores, whole=drop is None)
        found += [replace(base, value=value_of(v)) for i, v in enumerate(values) if i != drop]
    return found


def value_of(value: Any) -> list[Any]:
    """A category, or what stands for a missing one, with its kind."""
    nothing = value is None or type(value).__name__ == "NAType"  # that of pandas
    if nothing or (isinstance(value, float | np.floating) and math.isnan(value)):
        return ["missing", None]
    if isinstance(value, bool | np.bool_):
        return ["flag", bool(value)]
    if isinstance(value, int | float | np.number):
        return ["number", float(value)]
    return ["text", str(value)]


def _numbers(values: Any, count: int) -> Array:
    found = np.asarray(values, dtype=np.float64)
    if found.shape != (count,) or not np.isfinite(found).all():
        raise ValueError("a step holds numbers of another shape")
    return found
