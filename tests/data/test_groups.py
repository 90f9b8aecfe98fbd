"""Groups of records by a column: its values, or ranges of its numbers."""

import numpy as np
import pandas as pd
import pytest

from disgorge_core.data.columns import MISSING, grouped
from disgorge_core.data.loading import dataset_of
from disgorge_core.examples.shipped import example
from disgorge_core.types import Dataset


@pytest.fixture(scope="module")
def adult() -> Dataset:
    """The census records."""
    return example("adult").dataset


@pytest.mark.parametrize("name", ["age", "fnlwgt", "capital-gain", "hours-per-week"])
def test_each_number_lies_in_the_range_that_its_group_names(adult: Dataset, name: str) -> None:
    found = grouped(adult, name)
    assert found.cat.ordered and 3 <= len(found.cat.categories) <= 5
    ends = [str(part).replace(",", "").split(" to ") for part in found.cat.categories]
    spans = np.array([(float(e[0]), float(e[-1])) for e in ends])
    assert (np.diff(spans.ravel()) >= 0).all()  # ranges follow one another
    low, high = spans[found.cat.codes].T
    values = adult.meta[name].to_numpy()
    assert ((low <= values) & (values <= high)).all()


def test_ranges_hold_about_as_many_records_each(adult: Dataset) -> None:
    counts = grouped(adult, "fnlwgt").value_counts()
    assert counts.max() - counts.min() < 10
    assert counts.sum() == len(adult)


def test_texts_and_few_numbers_stay_as_they_are(adult: Dataset) -> None:
    found = grouped(adult, "workclass")
    wanted = adult.meta["workclass"].astype(object).fillna(MISSING)
    assert found.tolist() == wanted.tolist() and not found.cat.ordered


def test_missing_numbers_are_a_group_of_their_own() -> None:
    frame = pd.DataFrame({"a": [*range(30), None, None], "label": [0, 1] * 16})
    found = grouped(dataset_of(frame, "d", {"label": "label"}), "a")
    assert found.tolist()[-2:] == [MISSING, MISSING]
    assert (found != MISSING).sum() == 30
