"""What is taken out opens in plain pandas with the same numbers, and runs nothing in a spreadsheet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from disgorge_core import comparison, exports
from disgorge_core.comparison import Comparison
from disgorge_core.data import forget_set
from disgorge_core.data.loading import dataset_of
from disgorge_core.errors import BadData, BadParam
from disgorge_core.types import Dataset
from tests.methods.small import digits

HOSTILE = [
    "=HYPERLINK(1)",
    "+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1)",
    "\t=1",
    "＝1",
    "-5",
    "+4.5e3",
    "a=b",
]
RUN = 6  # of these a spreadsheet would run; the last three are numbers or plain text


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file is written in several blocks."""
    monkeypatch.setattr(exports, "BLOCK", 7)


@pytest.fixture
def people() -> Dataset:
    """A table with text that a spreadsheet would run, missing values and awkward numbers."""
    rng = np.random.default_rng(0)
    n = 40
    frame = pd.DataFrame({"person": [f"p{i:02d}" for i in range(n)], "age": rng.normal(size=n) / 3})
    frame["big"] = np.where(np.arange(n) % 2, 1e300, -1 / 3)
    frame["note"] = (HOSTILE * 5)[:n]
    frame["kind"] = pd.Categorical(["a", None, "c", "d"] * 10)
    frame["split"] = ["tr"] * 30 + ["te"] * 10
    frame["income"] = ["low", "high"] * 20
    frame.loc[3, "age"] = np.nan
    return dataset_of(frame, "people", {"label": "income", "id": "person", "split": "split"})


def read(path: Path) -> pd.DataFrame:
    return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)


@pytest.mark.parametrize("suffix", exports.SUFFIXES)
def test_records_come_back_in_plain_pandas(people, tmp_path, suffix):
    rows = np.flatnonzero(np.arange(40) % 3 > 0)
    written = exports.write_records(people, rows, tmp_path / f"r{suffix}")
    table = read(written.path)
    assert written.rows == len(table) == len(rows)
    assert table["id"].tolist() == [f"p{i:02d}" for i in rows]
    assert table["split"].tolist() == ["train" if i < 30 else "test" for i in rows]
    assert table["own split"].tolist() == ["tr" if i < 30 else "te" for i in rows]
    for name in ("age", "big"):
        wanted = people.meta[name].to_numpy()[rows]
        np.testing.assert_allclose(table[name], wanted, rtol=1e-15 if suffix == ".csv" else 0)
    assert table["kind"].isna().tolist() == [i % 4 == 1 for i in rows]
    assert list(tmp_path.iterdir()) == [written.path]


def test_parquet_keeps_text_and_csv_guards_what_would_run(people, tmp_path):
    rows = np.arange(len(HOSTILE))
    whole = exports.write_records(people, rows, tmp_path / "a.parquet")
    safe = exports.write_records(people, rows, tmp_path / "a.csv")
    assert read(whole.path)["note"].tolist() == HOSTILE
    wanted = ["'" + text for text in HOSTILE[:RUN]] + HOSTILE[RUN:]
    assert read(safe.path)["note"].tolist() == wanted
    assert (whole.guarded, safe.guarded) == (0, RUN)


def test_headers_are_guarded_too_and_negative_numbers_are_not(tmp_path):
    table = pd.DataFrame({"=evil": [-1.5, 2.0], "-x": [-3, 4]})
    written = exports.write_table([table], tmp_path / "t.csv")
    text = written.path.read_text()
    assert text == "'=evil,'-x\n-1.5,-3\n2.0,4\n"
    assert written.guarded == 0


def test_hostile_ids_find_their_records_again(people, tmp_path):
    data = replace(
        people, ids=np.array([f"=p{i}" for i in range(40)]), roles=replace(people.roles, id="")
    )
    forget = forget_set.of(data, ["=p3", "=p7"])
    written = exports.write_forget(data, forget, tmp_path / "ids.csv")
    assert "'=p3" in written.path.read_text()
    assert forget_set.from_file(data, written.path).ids == forget.ids


def test_a_forget_set_as_json_is_whole(people, tmp_path):
    forget = forget_set.where(people, "age > 0", name="Ünder", author="Ada", reason="=asked")
    path = exports.write_forget(people, forget, tmp_path / "f.json").path
    again = forget_set.load(path)
    assert again.digest == forget.digest
    assert (again.made, again.reason, again.author) == (forget.made, "=asked", "Ada")
    saved = tmp_path / "saved.json"
    forget_set.save(forget, saved)
    assert saved.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("suffix", exports.SUFFIXES)
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_every_record_before_and_after(tmp_path, suffix, task):
    data = digits(parts=(60, 20, 20), task=task)
    rng = np.random.default_rng(1)
    width = 10 if task == "classification" else 1
    before, after = rng.normal(size=(2, 100, width)).astype(np.float32)
    c = Comparison(
        before, after, rng.normal(size=(3, 100, width)).astype(np.float32), np.arange(100) < 5,
        np.arange(100) < 5, np.arange(100) == 50,
    )  # fmt: skip
    written = exports.write_comparison(c, data, tmp_path / f"c{suffix}")
    table = read(written.path)
    whole = comparison.records(c, data, np.arange(100))
    assert list(table.columns) == list(whole.columns)
    assert table["id"].tolist() == data.ids.tolist()
    if task == "regression":
        np.testing.assert_allclose(table["after"], after[:, 0], rtol=1e-6)
        return
    p = np.exp(after - after.max(1, keepdims=True)).astype(np.float64)
    p = p[np.arange(100), data.y] / p.sum(1)
    np.testing.assert_allclose(table["label after"], p, rtol=1e-5)
    changed = (before.argmax(1) != after.argmax(1)) | c.withheld
    assert table["changed"].tolist() == changed.tolist()


def test_pictures_give_ids_and_metadata(tmp_path):
    data = digits(parts=(20, 5, 5))
    table = exports.records_of(data, np.array([4, 2]))
    assert list(table.columns) == ["id", "split", "label", "near", "owner"]
    assert table["id"].tolist() == data.ids[[4, 2]].tolist()


@pytest.mark.parametrize("suffix", exports.SUFFIXES)
def test_no_rows_give_the_names_of_the_columns(people, tmp_path, suffix):
    written = exports.write_records(people, np.arange(0), tmp_path / f"e{suffix}")
    table = read(written.path)
    assert len(table) == written.rows == 0
    assert "own split" in table.columns


def test_other_endings_and_mixed_columns_are_refused_and_leave_nothing(people, tmp_path):
    with pytest.raises(BadParam, match=r"End the name in .csv or .parquet"):
        exports.write_records(people, np.arange(3), tmp_path / "a.xlsx")
    mixed = replace(people, meta=people.meta.assign(odd=pd.Series([1, "x"] * 20, dtype=object)))
    with pytest.raises(BadData, match="'odd' holds values of several types"):
        exports.write_records(mixed, np.arange(3), tmp_path / "a.parquet")
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_leaves_the_old_file(people, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("old")

    def blocks():
        yield pd.DataFrame({"a": [1]})
        raise BadData("Broken.", "Mend it.")

    with pytest.raises(BadData):
        exports.write_table(blocks(), path)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
