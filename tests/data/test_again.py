"""A dataset made again of its own table is the same dataset."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from disgorge_core.data.again import as_table
from disgorge_core.data.loading import dataset_of
from disgorge_core.data.saved import load_dataset_folder, save_dataset
from disgorge_core.registry import EXAMPLES
from disgorge_core.types import Dataset
from tests.data.tables import people


def again(data: Dataset) -> Dataset:
    table = as_table(data)
    parts = {**asdict(table.parts.roles), "split": table.parts.split}
    return dataset_of(
        table.frame, "again", parts, data.task, ignore=table.ignore, pictures=table.pictures
    )


def check(data: Dataset) -> None:
    made = again(data)
    assert (made.kind, made.task, made.classes) == (data.kind, data.task, data.classes)
    for name in ("ids", "y", "split"):
        assert np.array_equal(getattr(made, name), getattr(data, name)), name
    if isinstance(data.x, pd.DataFrame):
        assert_frame_equal(made.x, data.x.reset_index(drop=True), check_categorical=False)
    else:
        assert np.array_equal(made.x, data.x)


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_worked_examples(name: str) -> None:
    check(EXAMPLES[name]().dataset())


def test_uploaded_tables(tmp_path: Path) -> None:
    frame = people().assign(split=np.resize(["train", "val", "test"], 200))
    given = dataset_of(frame, "d", {"label": "income"})
    assert again(given).digest == given.digest
    assert as_table(given).parts.split == "split"
    check(dataset_of(people(), "d", {"label": "income", "id": ""}, seed=4, ignore=["town"]))
    check(dataset_of(people(), "d", {"label": "score"}, task="regression"))
    check(dataset_of(people(), "d", {"label": "income", "text": "story"}))
    drawn = dataset_of(frame, "d", {"label": "income", "split": ""})
    assert as_table(drawn).parts.split == "split'"
    check(drawn)
    check(load_dataset_folder(save_dataset(drawn, tmp_path / "d")))
