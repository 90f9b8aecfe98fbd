"""Tab-separated values as spreadsheets write them, and as collections of sentences do."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from disgorge_core.data.reading.process import read_apart
from tests.data.refusals import refused

pytestmark = pytest.mark.usefixtures("read_here")


def read(tmp_path: Path, text: str) -> tuple[dict[str, list], tuple[str, ...]]:
    path = tmp_path / "t.tsv"
    path.write_text(text, newline="")
    found = read_apart(path)
    return found.table.to_pydict(), found.notes


def test_cells_that_a_spreadsheet_framed(tmp_path: Path) -> None:
    rows = [["text", "n"], ['he said "no"', "1"], ["a, b;\tc", "2"], ["two\nlines", "3"]]
    with (tmp_path / "t.tsv").open("w", newline="") as file:
        csv.writer(file, delimiter="\t").writerows(rows)
    found = read_apart(tmp_path / "t.tsv")
    assert found.table["text"].to_pylist() == [row[0] for row in rows[1:]]
    assert found.table["n"].to_pylist() == [1, 2, 3]
    assert found.notes == ()


def test_marks_of_sentences_are_plain_signs(tmp_path: Path) -> None:
    lines = ['"No," he said.\t0', 'He said "no".\t1', '"a\t1', 'b"\t0', 'the 5" pipe\t1']
    columns, notes = read(tmp_path, "\n".join(["text\tlabel", *lines]) + "\n")
    assert columns["text"] == [line.split("\t")[0] for line in lines]
    assert columns["label"] == [0, 1, 1, 0, 1]
    assert notes == ("Quotation marks in the cells were read as plain signs.",)


def test_framed_cells_lose_their_frame_only(tmp_path: Path) -> None:
    columns, notes = read(tmp_path, 'text\tlabel\r\n"a ""b"""\t0\r\nplain\t"1"\r\n')
    assert columns == {"text": ['a "b"', "plain"], "label": [0, 1]}
    assert notes == ()


def test_commas_do_not_divide(tmp_path: Path) -> None:
    columns, _ = read(tmp_path, "a\tb,c,d\n1,5\t2\n")
    assert columns == {"a": ["1,5"], "b,c,d": [2]}


def test_ragged_rows_are_named(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("a\tb\n1\t2\n3\n")
    assert "Row 3 of the file has 1 cells" in refused(tmp_path / "t.tsv")
