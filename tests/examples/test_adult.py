"""The census records are the published ones: counts, shares and missing values as others state them."""

import numpy as np
import pytest

from disgorge_core.data.preprocessing import transform
from disgorge_core.examples.shipped import Example, example
from disgorge_core.types import SPLITS


@pytest.fixture(scope="module")
def adult() -> Example:
    """The example, opened once."""
    return example("adult")


def test_counts_are_those_of_the_publication(adult: Example) -> None:
    data = adult.dataset
    assert len(data) == 48_842
    assert (data.split == SPLITS.index("test")).sum() == 16_281
    assert (data.split != SPLITS.index("test")).sum() == 32_561
    assert round(100 * float(data.y.mean()), 2) == 23.93  # adult.names: share of '>50K'
    whole = data.meta.drop(columns="fnlwgt").notna().all(axis=1)
    assert whole.sum() == 45_222  # adult.names: without unknown values
    assert round(100 * float(data.y[whole].mean()), 2) == 24.78


def test_missing_values_stay_missing(adult: Example) -> None:
    missing = adult.dataset.meta.isna().sum()
    assert missing[missing > 0].to_dict() == {
        "workclass": 2_799,
        "occupation": 2_809,
        "native-country": 857,
    }
    assert adult.dataset.x["occupation"].isna().sum() == 2_809


def test_columns_that_no_model_reads_are_shown_all_the_same(adult: Example) -> None:
    data = adult.dataset
    assert set(data.meta.columns) - set(data.x.columns) == {"workclass", "fnlwgt", "income"}
    assert data.roles.source == "workclass"


def test_validation_holds_no_record_that_training_holds_too(adult: Example) -> None:
    data = adult.dataset
    rows = [
        set(map(tuple, data.take(data.rows(part)).astype("object").fillna("").to_numpy()))
        for part in ("train", "validation")
    ]
    assert not rows[0] & rows[1]
    assert 0.1 < len(data.rows("validation")) / 32_561 < 0.15


def test_the_one_person_stands_in_training_twice(adult: Example) -> None:
    data, person = adult.dataset, adult.forgets[1]
    row = data.row_of[person.ids[0]]
    same = (data.meta == data.meta.iloc[row]).all(axis=1).to_numpy()
    assert same.sum() == 2
    assert (data.split[same] == 0).all()


def test_logistic_regression_ends_at_its_optimum(adult: Example) -> None:
    """The gradient of the recipe's objective, in plain numpy, is small against that at zero weights."""
    data, model = adult.dataset, adult.models[1]
    x, y = data.arrays("train")
    inputs, wanted = transform(model.preprocessing, x, "float64"), np.eye(2)[y]
    weight, bias = (p.detach().numpy().astype(float) for p in model.network.parameters())
    odds = np.exp(inputs @ weight.T + bias)
    error = odds / odds.sum(1, keepdims=True) - wanted
    assert model.recipe is not None and model.recipe.l2 > 0
    slope = error.T @ inputs / len(y) + model.recipe.l2 * weight
    start = (0.5 - wanted).T @ inputs / len(y)
    assert np.linalg.norm(slope) < 0.05 * np.linalg.norm(start)
