"""Tables from files: the same values come in whatever the file, and what is wrong is said."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from disgorge_core.data.loading import dataset_of, load_dataset
from disgorge_core.data.query import select
from disgorge_core.data.reading.limits import MOST_COLUMNS
from disgorge_core.data.roles import guess_roles
from disgorge_core.registry import DATA_FORMATS
from disgorge_core.types import Dataset, Roles
from tests.data.refusals import refusal as refused
from tests.data.tables import people

RNG = np.random.default_rng(0)
pytestmark = pytest.mark.usefixtures("read_here")


def csv(frame: pd.DataFrame, path: Path, **how: Any) -> Path:
    frame.to_csv(path, index=False, **how)
    return path


def of_text(tmp_path: Path, text: str | bytes, name: str = "t.csv", **parts: Any) -> Dataset:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return load_dataset(path, **parts)


# --- what comes in ------------------------------------------------------------------------------


def test_csv_tsv_and_parquet_are_one_dataset(tmp_path: Path) -> None:
    frame = people()
    files = [
        csv(frame, tmp_path / "a.csv"),
        csv(frame, tmp_path / "b.tsv", sep="\t"),
        csv(frame, tmp_path / "c.txt", sep=";", encoding="utf-8-sig"),
        csv(frame, tmp_path / "d.csv", lineterminator="\r\n", quoting=2, na_rep="NA"),
        tmp_path / "e.parquet",
        tmp_path / "upload-without-ending",
    ]
    frame.to_parquet(files[4])
    frame.astype({"town": "category"}).to_parquet(files[5])
    # with quoting=2 the file quotes its texts, and a quoted "NA" would be a text; pandas leaves it bare
    loaded = [load_dataset(f, label="income", id="person_id", owner="artist") for f in files]
    assert len({data.digest for data in loaded if data is not loaded[3]}) == 1
    data = loaded[0]
    assert list(data.x.columns) == ["age", "score", "town", "member"]
    assert list(data.meta.columns) == list(frame.columns)
    assert data.ids.tolist() == frame["person_id"].tolist()
    assert data.classes == ("high", "low")
    assert np.array_equal(data.y, (frame["income"] == "low").astype(int))
    assert data.x["age"].dtype == np.float32
    assert np.array_equal(data.x["age"], frame["age"], equal_nan=True)
    assert data.x["score"].dtype == np.float64
    assert np.array_equal(data.x["score"], frame["score"])
    assert data.x["town"].isna().tolist() == frame["town"].isna().tolist()
    assert data.x["member"].cat.categories.tolist() == ["False", "True"]
    assert data.roles.owner == "artist"
    assert any("born" in note and "story" in note for note in data.notes)
    assert select(data, "artist == 'Artist 3' and born < '2000-02-01'").sum() == 4
    assert select(data, "member == True and age > 30").any()


def test_columns_that_only_look_like_numbers_stay_text(tmp_path: Path) -> None:
    rows = [f"{i:05d},{10**19 + i},0.{i},{'ab'[i % 2]}" for i in range(60)]
    data = of_text(tmp_path, "\n".join(["zip,order,share,label", *rows]), id="zip")
    assert data.ids[7] == "00007"
    assert data.meta["order"].iloc[7] == str(10**19 + 7)
    assert data.x["share"].dtype == np.float64


def test_a_quoted_cell_holds_separators_marks_and_lines(tmp_path: Path) -> None:
    text = 'a,b,label\n1,"x, ""y""\nz",p\n2,é,q\n'
    data = of_text(tmp_path, text, label="label", id="", owner="", source="", split="")
    assert data.meta["b"].tolist() == ['x, "y"\nz', "é"]


def test_quoted_words_for_missing_are_texts(tmp_path: Path) -> None:
    data = of_text(tmp_path, 'a,b,label\n1,"NA",p\n2,NA,q\n3,x,q\n', label="label")
    assert data.meta["b"].isna().tolist() == [False, True, False]


def test_number_labels_are_sorted_as_numbers() -> None:
    frame = pd.DataFrame({"a": RNG.normal(size=60), "label": np.arange(60) % 12})
    assert dataset_of(frame, "d").classes == tuple(map(str, range(12)))
    with_gap = frame.assign(label=frame["label"] * 10.0)
    assert dataset_of(with_gap, "d").classes == tuple(str(10 * i) for i in range(12))
    halves = frame.assign(label=frame["label"] / 2)
    assert dataset_of(halves, "d").classes[:3] == ("0", "0.5", "1")
    flags = frame.assign(label=frame["label"] > 5)
    assert dataset_of(flags, "d").classes == ("False", "True")


def test_numbers_with_many_values_are_a_regression() -> None:
    frame = pd.DataFrame({"a": np.arange(60), "label": RNG.normal(size=60)})
    data = dataset_of(frame, "d")
    assert (data.task, data.classes) == ("regression", ())
    assert np.array_equal(data.y, frame["label"])
    rare = frame.assign(label=np.arange(60))
    assert dataset_of(rare, "d").task == "regression"
    assert len(dataset_of(rare, "d", task="classification").classes) == 60
    common = pd.DataFrame({"a": np.arange(300), "label": np.arange(300) % 50})
    assert dataset_of(common, "d").task == "classification"
    assert dataset_of(common, "d", task="regression").y.dtype == np.float64


def test_without_an_id_records_are_known_by_their_row() -> None:
    frame = people()
    data = dataset_of(frame, "d", {"label": "income", "id": ""})
    assert data.ids.tolist() == list(map(str, range(200)))


def test_whole_numbers_as_ids_have_no_point() -> None:
    frame = people().assign(number=np.arange(200) * 3.0)
    data = dataset_of(frame, "d", {"label": "income", "id": "number"})
    assert data.ids[:3].tolist() == ["0", "3", "6"]


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "The file is empty"),
        (b"a,label\n", "has 0 rows"),
        (b"a,label\n1,x\n", "has 1 row"),
        (b"label\nx\ny\n", "one column only"),
        (b"a,b,label\n1,2,x\n3,y\n", "Row 3 of the file has 2 cells, the first line has 3"),
        (b"a,label\n1,x\n3,4,y\n", "Row 3 of the file has 3 cells"),
        (b"a,b,label\n1,caf\xe9,x\n2,b,y\n", "Line 2 of the file is not UTF-8"),
        (b"a,b,label\n1,b,x\n2,caf\xc3", "Line 3 of the file is not UTF-8"),
        ("a,label\n1,x\n".encode("utf-16"), "UTF-16"),
        (b"a,label\n" + b"1,x\n" * 2000 + b"\0\0", "not text"),
        (b"PK\x03\x04not really a zip", "damaged or cut short"),
        (b"ARROW1\0\0", "of no known kind. Known are: Hugging Face dataset, Parquet, NPZ, Zip"),
        (b"\x89PNG\r\n\x1a\n", "of no known kind"),
        (b"%PDF-1.7", "of no known kind"),
        (b"a,b,label\n1,\"x,p\n2,y,q\n3,z,r\n", "cells, the first line has 3"),
        (b"a,b,label\n1,x,\"p\n2,y,q\n3,z,r\n", "never closed, by row 2"),
        (b"a,a,label\n1,2,x\n3,4,y\n", "Two columns are named 'a'"),
        (b"a,b\x07,label\n1,2,x\n3,4,y\n", "A column is named 'b\\x07'"),
        (b"a,label\n1,x\ninf,y\n", "'a' is infinite in data row 2"),
        (b"a,label\n1,x\n2,\n3,\n4,y\n", "missing in 2 of 4 data rows: 2, 3."),
        (b"a,label\n1,x\n2,x\n", "'label' has 1 distinct value, a classification needs 2"),
        (b"id,label\n1,x\n2,y\n", "No column is left"),
    ],
)  # fmt: skip
def test_bad_files_are_refused_in_words(tmp_path: Path, text: bytes, says: str) -> None:
    assert says in refused(of_text, tmp_path, text, label=None)


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"label": "incom"}, "no column 'incom'. There is: income, score."),
        ({"label": ""}, "needs a label"),
        ({"id": "artist"}, "not unique: 'Artist 0' comes back in data row 8"),
        ({"id": "town"}, "'town' is missing in 19 data rows, first in row 1"),
        ({"owner": "x\ny"}, "no column 'x\\ny'"),
        ({"label": "story", "task": "classification"}, "200 distinct"),
        ({"label": "story", "task": "regression"}, "a regression needs numbers"),
        ({"label": "income", "task": "poetry"}, "no task 'poetry'"),
        ({"label": "income", "split": "town"}, "split is missing in data row 1"),
        ({"label": "income", "split": "artist"}, "holds 'artist 0'"),
    ],
)
def test_bad_parts_are_refused_in_words(
    parts: dict[str, str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("disgorge_core.data.labels.MOST_CLASSES", 100)
    columns = {part: column for part, column in parts.items() if part != "task"}
    assert says in refused(dataset_of, people(), "d", columns, parts.get("task"))


def test_too_many_classes_point_to_regression() -> None:
    frame = pd.DataFrame({"a": RNG.normal(size=1500), "label": np.arange(1500)})
    says = refused(dataset_of, frame, "d", None, "classification")
    assert "1,500 distinct values" in says
    assert "or the task regression" in says


def test_ids_that_break_lines_are_refused() -> None:
    frame = people().assign(person_id=[f"a\n{i}" for i in range(200)])
    assert "line breaks" in refused(dataset_of, frame, "d", {"label": "income", "id": "person_id"})


def test_infinite_labels_and_constant_values_are_refused() -> None:
    frame = pd.DataFrame({"a": np.arange(30), "label": [np.inf, *range(29)]})
    assert "'label' is infinite" in refused(dataset_of, frame, "d")
    constant = frame.assign(label=0.5)
    assert "the same in all rows" in refused(dataset_of, constant, "d", None, "regression")


def test_too_many_columns_are_refused(tmp_path: Path) -> None:
    header = ",".join(f"c{i}" for i in range(MOST_COLUMNS + 1))
    row = ",".join("1" * (MOST_COLUMNS + 1))
    assert "5,001 columns" in refused(of_text, tmp_path, f"{header}\n{row}\n{row}\n")


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = csv(people(), tmp_path / "a.csv")
    assert "the limit is 0.0 MB" in refused(load_dataset, path, limit=1000)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    assert "no such file" in refused(load_dataset, tmp_path / "none.csv")
    assert "no pictures in it" in refused(load_dataset, tmp_path)


def test_decimals_dates_and_an_empty_column_come_in(tmp_path: Path) -> None:
    n = 12
    table = pa.table(
        {
            "price": [Decimal("1.25")] * n,
            "day": [date(2020, 1, 1 + i) for i in range(n)],
            "none": pa.nulls(n),
            "label": ["x", "y"] * 6,
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    data = load_dataset(tmp_path / "a.parquet")
    assert list(data.x.columns) == ["price"]
    assert data.meta["day"].iloc[3] == "2020-01-04"
    assert any("day, none" in note for note in data.notes)


def test_every_format_describes_itself() -> None:
    assert list(DATA_FORMATS) == [
        "huggingface", "parquet", "npz", "image-folders", "jsonl", "tsv", "csv",
    ]  # fmt: skip
    for kind in DATA_FORMATS.values():
        assert kind.title
        assert all(suffix.startswith(".") for suffix in kind.suffixes)
        assert kind.__doc__


def test_a_split_column_or_a_person_is_never_guessed_as_the_label():
    n = 40
    frame = pd.DataFrame(
        {
            "patient": [f"P{i}" for i in range(n)],
            "size": np.linspace(0, 1, n),
            "diagnosis": ["benign", "malignant"] * (n // 2),
            "hospital": ["North", "South"] * (n // 2),
            "split": ["train"] * 30 + ["validation"] * 4 + ["test"] * 6,
        }
    )
    guess = guess_roles(frame)
    assert guess.roles == Roles("diagnosis", "patient", "", "hospital")
    assert guess.split == "split"
