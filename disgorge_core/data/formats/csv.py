"""Tables as text: CSV, TSV, or any of `, ; tab |` between the cells; the first line names the columns."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv

from disgorge_core.errors import BadData
from disgorge_core.registry import DATA_FORMATS

MISSING = ["", "NA", "N/A", "NaN", "nan", "null", "NULL"]
CODE = r"^[+-]?(0[0-9]|[0-9]{17})"  # 007, or a number of more digits than a number holds
BINARY = (
    b"PAR1",
    b"PK\x03\x04",
    b"\x1f\x8b",
    b"%PDF",
    b"\x89PNG",
    b"\xd0\xcf\x11\xe0",
    b"\x80\x02",
)
RAGGED = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+)")
WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
CHUNK = 2**20


@DATA_FORMATS.register
class Csv:
    """Comma-separated values in UTF-8."""

    name = "csv"
    title = "CSV or TSV"
    suffixes = (".csv", ".tsv", ".txt")
    order = 90  # any text looks like CSV, so the others are asked first

    def sniff(self, path: Path) -> bool:
        """Is it text? UTF-16 too: `read` says what to do about it."""
        with path.open("rb") as file:
            head = file.read(4096)
        return head.startswith(WIDE) or (b"\0" not in head and not head.startswith(BINARY))

    def read(self, path: Path) -> pd.DataFrame:
        """The table with guessed types; raises BadData that names the row or the byte."""
        quotes = _check_text(path)
        table = _read(path, _separator(path), [])
        _check_quotes(table, quotes)
        return _with_codes(path, table).to_pandas(split_blocks=True, date_as_object=False)


def _check_text(path: Path) -> int:
    """How many quotation marks there are; raises BadData where the file is not UTF-8 text."""
    decoder, quotes, line = codecs.getincrementaldecoder("utf-8")(), 0, 1
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                raise _not_utf8(path, line + chunk[: error.start].count(b"\n")) from None
            if b"\0" in chunk:
                raise BadData("The file is not text.", "Save the table as CSV or Parquet.")
            quotes += chunk.count(b'"')
            line += chunk.count(b"\n")
    if decoder.getstate()[0]:
        raise _not_utf8(path, line)
    return quotes


def _not_utf8(path: Path, line: int) -> BadData:
    with path.open("rb") as file:
        wide = file.read(2) in WIDE
    problem = "The file is UTF-16 text" if wide else f"Line {line:,} of the file is not UTF-8 text"
    return BadData(f"{problem}.", "Save it again as UTF-8 (in Excel: 'CSV UTF-8').")


def _separator(path: Path) -> str:
    """The sign that occurs most often in the first line, outside of quotation marks."""
    with path.open("rb") as file:
        line = file.readline(CHUNK).decode("utf-8-sig", errors="ignore")
    plain = re.sub(r'"[^"]*"', "", line)
    return max(",;\t|", key=plain.count)


def _read(path: Path, separator: str, as_text: list[str]) -> pa.Table:
    """The table, or only the columns of `as_text`; types are guessed from the whole file at once."""
    try:
        return pv.read_csv(
            path,
            pv.ReadOptions(use_threads=False, block_size=min(path.stat().st_size + 1, 2**31 - 1)),
            pv.ParseOptions(delimiter=separator, newlines_in_values=True),
            pv.ConvertOptions(
                null_values=MISSING,
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                include_columns=as_text,
                column_types=dict.fromkeys(as_text, pa.string()),
            ),
        )
    except pa.ArrowInvalid as error:
        raise _unreadable(str(error)) from None


def _unreadable(message: str) -> BadData:
    ragged = RAGGED.search(message)
    if ragged:
        row, expected, got = map(int, ragged.groups())
        return BadData(
            f"Row {row:,} of the file has {got:,} cells, the first line has {expected:,}.",
            "Give every row the same number of cells; put quotation marks around cells with commas.",
        )
    if "mpty CSV" in message:
        return BadData("The file is empty.", "Choose a file with a table.")
    words = " ".join(message.split())[:120]
    return BadData(f"The file cannot be read as CSV: {words}.", "Save the table again.")


def _check_quotes(table: pa.Table, quotes: int) -> None:
    """A mark that is never closed swallows the rest of the file into the last cell."""
    if quotes % 2 == 0 or not len(table):
        return
    last = [str(column[-1].as_py()) for column in table.columns]
    if any("\n" in cell or "\r" in cell for cell in last):
        raise BadData(
            f"A quotation mark is opened and never closed, by row {len(table) + 1:,} of the file.",
            "Close it, or write two marks for one inside a cell.",
        )


def _with_codes(path: Path, table: pa.Table) -> pa.Table:
    """Columns of codes such as 007 stay text: as numbers they would lose digits."""
    names = table.column_names
    numbers = [n for n, t in zip(names, table.schema.types, strict=True) if _is_number(t)]
    if not numbers or len(set(names)) < len(names):
        return table
    texts = _read(path, _separator(path), numbers)
    for name in numbers:
        if pc.any(pc.match_substring_regex(texts[name], CODE)).as_py():
            table = table.set_column(names.index(name), name, texts[name])
    return table


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind)
