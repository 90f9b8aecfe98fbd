"""The comparison's numbers, by hand on eight records."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from disgorge_core import comparison
from disgorge_core.comparison import KEPT, REMOVED, TEST, Comparison
from disgorge_core.types import Dataset, Roles

SURE = 20.0


def one_hot_logits(codes: list[int]) -> np.ndarray:
    return (SURE * np.eye(2)[codes]).astype(np.float32)


@pytest.fixture
def data() -> Dataset:
    ids = np.array([f"r{i}" for i in range(8)])
    y = np.array([0, 0, 1, 1, 0, 1, 0, 1])
    split = np.array([0, 0, 0, 0, 0, 2, 2, 2])
    meta = pd.DataFrame({"owner": list("aabbbbab")})
    x = np.zeros((8, 1, 1, 1), np.uint8)
    return Dataset(
        "tiny", "image", "classification", ids, x, y, ("no", "yes"), split, meta, Roles(), "d"
    )


@pytest.fixture
def pair(data: Dataset) -> Comparison:
    forget = np.zeros(8, bool)
    forget[[0, 2, 7]] = True  # row 7 is a test record: taken out there, reported apart
    before = one_hot_logits(list(data.y))
    after = one_hot_logits([1, 0, 1, 1, 0, 1, 1, 1])
    references = np.stack(
        [one_hot_logits([1, 0, 0, 1, 0, 1, 0, 1]), one_hot_logits([0, 0, 0, 1, 0, 1, 0, 1])]
    )
    return Comparison(before, after, references, forget, forget, np.zeros(8, bool))


def test_sets_take_removed_records_out_of_test(data: Dataset, pair: Comparison) -> None:
    masks = comparison.sets(pair, data)
    assert np.flatnonzero(masks[REMOVED]).tolist() == [0, 2]
    assert np.flatnonzero(masks[KEPT]).tolist() == [1, 3, 4]
    assert np.flatnonzero(masks[TEST]).tolist() == [5, 6]


def test_overview_by_hand(data: Dataset, pair: Comparison) -> None:
    table = comparison.overview(pair, data).set_index("set")
    assert table.loc[REMOVED, ["n", "before", "after"]].tolist() == [2, 1.0, 0.5]
    assert table.loc[REMOVED, ["reference_low", "reference", "reference_high"]].tolist() == [
        0,
        0.25,
        0.5,
    ]
    assert table.loc[TEST, ["n", "before", "after", "reference"]].tolist() == [2, 1.0, 0.5, 1.0]
    assert table.loc[TEST, "after_low"] < 0.5 < table.loc[TEST, "after_high"]


def test_each_reference_is_what_the_range_is_of(data: Dataset, pair: Comparison) -> None:
    masks = comparison.sets(pair, data)
    assert comparison.each_reference(pair, data, [masks[REMOVED], masks[TEST]]) == [
        [0.0, 0.5],
        [1.0, 1.0],
    ]


def test_by_group_and_class_count_what_they_name(data: Dataset, pair: Comparison) -> None:
    groups = comparison.by_group(pair, data, "owner").set_index("group")
    assert groups["n"].to_dict() == {"b": 2, "a": 1}
    classes = comparison.by_class(pair, data).set_index("class")
    assert classes.loc["no", "after"] == 0.0
    assert classes.loc["yes", "after"] == 1.0


def test_records_show_flips(data: Dataset, pair: Comparison) -> None:
    table = comparison.records(pair, data, np.arange(8)).set_index("id")
    assert table.index[table["changed"]].tolist() == ["r0", "r6"]
    assert table.loc["r0", "label before"] == pytest.approx(1.0)
    assert table.loc["r0", "label by references"] == pytest.approx(0.5)
    assert table.loc["r7", "set"] == "Removed, not used in training"


def test_withheld_answers_are_named_and_count_as_changed(data: Dataset, pair: Comparison) -> None:
    guarded = Comparison(**{**pair.arrays(), "withheld": np.eye(8, dtype=bool)[4]})
    table = comparison.records(guarded, data, np.arange(8)).set_index("id")
    assert table.loc["r4", "predicted after"] == "(withheld)"
    assert table.loc["r4", "changed"]


def test_closeness_of_opposite_answers_is_ln_2(data: Dataset, pair: Comparison) -> None:
    table = comparison.closeness(pair, data).set_index("set")
    # removed rows 0 and 2: the references differ on row 0 only; after equals the first there, not on row 2
    assert table.loc[REMOVED, "floor"] == pytest.approx(math.log(2) / 2, rel=1e-4)
    assert table.loc[REMOVED, "after_low"] == pytest.approx(math.log(2) / 2, rel=1e-4)
    assert table.loc[REMOVED, "after_high"] == pytest.approx(math.log(2), rel=1e-4)


def test_arrays_round_trip(pair: Comparison) -> None:
    again = Comparison.from_arrays(pair.arrays())
    assert all(
        np.array_equal(a, b)
        for a, b in zip(again.arrays().values(), pair.arrays().values(), strict=True)
    )


def test_confusions_count_label_by_prediction(data: Dataset, pair: Comparison) -> None:
    found = comparison.confusions(pair, data)
    assert found["before"].tolist() == [[1, 0], [0, 1]]
    assert found["after"].tolist() == [[0, 1], [0, 1]]


def test_closeness_of_numbers_is_their_mean_difference(data: Dataset) -> None:
    numbers = replace(data, task="regression", classes=(), y=np.arange(8.0))
    forget = np.zeros(8, bool)
    forget[[0, 2]] = True
    before, after = np.arange(8.0)[:, None], np.arange(8.0)[:, None] + 1
    references = np.stack([before + 3, before - 1])
    pair = Comparison(before, after, references, forget, forget, np.zeros(8, bool))
    row = comparison.closeness(pair, numbers).set_index("set").loc[REMOVED]
    assert row[["before", "before_low", "before_high"]].tolist() == [2.0, 1.0, 3.0]
    assert row[["after", "after_low", "after_high"]].tolist() == [2.0, 2.0, 2.0]
    assert row["floor"] == 4.0
