"""What the screens hand out as tables opens in plain pandas and holds every record."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from disgorge_core.cases import Case, Cases
from disgorge_core.models.prediction import logits, softmax
from pages.common import table_files
from tests.pages.answers import answer_here
from tests.pages.finished import finished_run

OpenPage = Callable[..., AppTest]
Files = dict[str, bytes]


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Files]:
    """The content of every table that a page offers, by its key."""
    offered: dict[str, Any] = {}

    def button(_: str, data: Callable[[], bytes], *__: object, key: str, **___: object) -> None:
        offered[key] = data

    monkeypatch.setattr(table_files.st, "download_button", button)
    answer_here(monkeypatch)
    return lambda: {key: data() for key, data in offered.items() if callable(data)}


def both(found: Files, key: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A table from its CSV and from its Parquet."""
    csv = pd.read_csv(io.BytesIO(found[f"{key}.csv"]), dtype={"id": "str"})
    return csv, pd.read_parquet(io.BytesIO(found[f"{key}.parquet"]))


def test_hand_over_has_every_record_the_retain_set_and_the_removed(
    open_page: OpenPage, cases: Cases, case: Case, files: Callable[[], Files]
) -> None:
    run = finished_run(cases, case, references=2)
    open_page("compare/before_after", case=case.id, run=run.id, tab="Hand over")
    found, data = files(), cases.dataset(case.dataset)
    gone = np.isin(data.ids, cases.forget_sets(case.id)[0][1].ids)
    after = softmax(logits(cases.model(run.result().values["after"]), data.x))
    own = after[np.arange(len(data)), data.y]
    for table in both(found, "before_after_all"):
        assert table["id"].tolist() == data.ids.tolist()
        np.testing.assert_allclose(table["label after"], own, rtol=1e-5)
    for table in both(found, "before_after_retain"):
        assert table["id"].tolist() == data.ids[~gone].tolist()
    for table in both(found, "before_after_ids"):
        assert table["id"].tolist() == data.ids[gone].tolist()
    assert set(json.loads(found["before_after_ids.json"])["ids"]) == set(data.ids[gone].tolist())


def test_saved_sets_come_with_what_is_left_without_them(
    open_page: OpenPage, cases: Cases, case: Case, files: Callable[[], Files]
) -> None:
    fid, forget, _ = cases.forget_sets(case.id)[0]
    open_page("select/explore", case=case.id, tab="Saved sets")
    found, data = files(), cases.dataset(case.dataset)
    inside = np.isin(data.ids, forget.ids)
    for key, mask in ((f"set_{fid}", inside), (f"kept_{fid}", ~inside)):
        for table in both(found, key):
            assert table["id"].tolist() == data.ids[mask].tolist()
            assert table[data.roles.label].astype(str).tolist() == [
                data.classes[k] for k in data.y[mask]
            ]


def test_file_names_are_made_of_letters_and_digits() -> None:
    assert table_files.stem_of("Artist 05 / <b>..\\") == "artist-05----b"
    assert table_files.stem_of("../..") == "records"
