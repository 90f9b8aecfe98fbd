"""By what the points of the map can be coloured."""

from __future__ import annotations

import numpy as np
import pandas as pd

from disgorge_core.data.columns import column_names, column_of
from disgorge_core.figures.theme import palette
from disgorge_core.types import Dataset
from pages.common import charts
from pages.common.point_colours import Categories, Colours, Values
from pages.common.predictions import Predictions

LABEL, OWNER, SPLIT = "Label", "Owner", "Split"
RIGHT, CONFIDENCE, MARGIN, RESIDUAL = (
    "Right or wrong", "Confidence", "Margin", "Residual",
)  # fmt: skip
FEW_NUMBERS = 12  # a column of so few different numbers is shown as categories


def options(data: Dataset) -> list[str]:
    """What can be chosen: the roles, the model's answers, then every other column."""
    roles = [LABEL, *([OWNER] if data.roles.owner else []), SPLIT]
    answers = [RESIDUAL] if data.task == "regression" else [RIGHT, CONFIDENCE, MARGIN]
    taken = {data.roles.label, data.roles.owner, "label", "split", "id", data.roles.id}
    return [*roles, *answers, *(c for c in column_names(data) if c not in taken)]


def needs_answers(name: str) -> bool:
    """Whether the colours come from the model's answers."""
    return name in (RIGHT, CONFIDENCE, MARGIN, RESIDUAL)


def colours_by(name: str, data: Dataset, found: Predictions | None) -> Colours:
    """Colours (n,) of all records; `found` is needed for the model's answers."""
    if found is not None and needs_answers(name):
        return _of_answers(name, data, found)
    column = {LABEL: data.roles.label, OWNER: data.roles.owner, SPLIT: "split"}.get(name, name)
    digest = f"{data.digest}-{column}"
    values = column_of(data, column).values
    if pd.api.types.is_float_dtype(values) or (
        pd.api.types.is_numeric_dtype(values) and values.nunique() > FEW_NUMBERS
    ):
        return Values(values.to_numpy(dtype=np.float64), column, digest=digest)
    codes, names = _coded(values)
    return Categories(codes, names, title=column, digest=digest)


def _coded(values: pd.Series) -> tuple[np.ndarray, list[str]]:
    if isinstance(values.dtype, pd.CategoricalDtype):
        return values.cat.codes.to_numpy(), [str(name) for name in values.cat.categories]
    codes, names = pd.factorize(values.astype("string"), sort=True)
    return codes, [str(name) for name in names]


def _of_answers(name: str, data: Dataset, found: Predictions) -> Colours:
    digest = f"{data.digest}-{found.model}-{name}"
    if name == RIGHT:
        p = palette(charts.template())
        inks = [p.before, p.categorical[1]]
        return Categories(
            (~found.right).astype(int),
            ["right", "wrong"],
            inks,
            "Prediction",
            f"{digest}-{p.ground}",
        )
    if name == CONFIDENCE:
        return Values(found.confidence, "Confidence", digest=digest)
    title = "Residual" if name == RESIDUAL else "Margin"
    return Values(found.standing, title, centre=0.0, digest=digest)
