"""Missing values, and columns that are named like a part that they do not play, as screens show them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from disgorge_core.data.loading import dataset_of
from disgorge_core.types import Dataset
from pages.common import gallery, tables
from pages.common.pick_tiles import words_of
from pages.panels.influence import inside


@pytest.fixture
def gaps() -> Dataset:
    rows = np.arange(40)
    frame = pd.DataFrame(
        {"depth": np.where(rows % 4 == 1, np.nan, rows), "town": [None, "York", "Bonn", "York"] * 10,
         "label": ["p", "q"] * 20, "target": rows / 8}
    )  # fmt: skip
    return dataset_of(frame, "gaps", {"label": "target", "id": ""}, "regression")


def test_what_is_missing_is_said_in_words(gaps: Dataset) -> None:
    assert words_of(gaps, 0).startswith("depth 0, town missing")
    assert words_of(gaps, 1).startswith("depth missing, town York")
    card = gallery._cards(gaps, np.array([1]))[0]
    assert "depth: missing" in card and "nan" not in card
    said = [gallery.cell(value) for value in (None, np.nan, pd.NA, 0, "", "nan", False, 3.0, 0.5)]
    assert said == ["missing", "missing", "missing", "0", "", "nan", "False", "3", "0.5"]


def test_the_label_is_the_column_that_plays_it(gaps: Dataset) -> None:
    shown = tables.frame(gaps, np.array([3, 7]))
    assert shown["label"].tolist() == [0.375, 0.875]
    assert shown["own label"].tolist() == ["q", "q"]
    assert "target" not in shown.columns


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("residual of the record (prediction minus value)", "units of target (predicted value)"),
        ("likeness, -1 to 1", "likeness, -1 to 1"),
    ],
)
def test_the_influence_on_numbers_is_in_units_of_the_target(
    gaps: Dataset, said: str, expected: str
) -> None:
    view = SimpleNamespace(data=gaps)
    found = inside.Ranking(SimpleNamespace(values={"unit": said}, arrays={}))  # type: ignore[arg-type]
    assert inside._unit(view, found) == expected  # type: ignore[arg-type]
    assert inside._number(view, 0.5) == "+0.5"  # type: ignore[arg-type]
