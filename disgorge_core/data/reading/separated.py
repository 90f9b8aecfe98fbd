"""Tables as text, row by row: what the cells of a column are is decided by the whole file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pv

from disgorge_core.data.reading.limits import MOST_COLUMNS
from disgorge_core.data.reading.plain_text import head
from disgorge_core.data.reading.typed_text import KINDS, fitting, kind_of, typed
from disgorge_core.errors import BadData

MISSING = ["", "NA", "N/A", "NaN", "nan", "null", "NULL"]
RAGGED = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+)")
BLOCK = 2**23  # bytes; no row may be longer


@dataclass(frozen=True)
class Separated:
    """A file of cells between separators; `quoted`: marks around a cell protect what is inside."""

    path: Path
    separator: str
    quoted: bool = True

    def table(self, marks: int = 0) -> pa.RecordBatchReader:
        """The table with guessed types; `marks`: how many quotation marks the file has.

        Raises BadData that names the row.
        """
        names = self._names()
        schema = pa.schema(list(zip(names, self._kinds(names, marks), strict=True)))
        typed_rows = (_typed(batch, schema) for batch in self._rows(names))
        return pa.RecordBatchReader.from_batches(schema, typed_rows)

    def _names(self) -> list[str]:
        _check_width(self._width())
        with _in_words(), self._open([]) as reader:
            names: list[str] = reader.schema.names
        _check_width(len(names))
        for name in names:
            if names.count(name) > 1:
                raise BadData(f"Two columns are named {name[:60]!r}.", "Give each its own name.")
        return names

    def _width(self) -> int:
        """About how many columns there are: the library takes 7 KB for each before it says so."""
        start = head(self.path, BLOCK)
        bare = re.sub(rb'"[^"]*"', b"", start) if self.quoted else start
        return re.split(rb"[\r\n]", bare, maxsplit=1)[0].count(self.separator.encode()) + 1

    def _kinds(self, names: list[str], marks: int) -> list[pa.DataType]:
        """What each column is, by all its cells."""
        kinds = [list(KINDS) for _ in names]
        rows, last = 0, None
        for batch in self._rows(names):
            kinds = [
                fitting(known, cells) for known, cells in zip(kinds, batch.columns, strict=True)
            ]
            rows, last = rows + len(batch), batch[-1:] if len(batch) else last
        if marks % 2 and last is not None:
            _check_closed(last, rows)
        return [kind_of(known) for known in kinds]

    def _rows(self, names: list[str]) -> Iterator[pa.RecordBatch]:
        """All cells as text, block by block."""
        with _in_words(), self._open(names) as reader:
            yield from reader

    def _open(self, names: Sequence[str]) -> pv.CSVStreamingReader:
        return pv.open_csv(
            self.path,
            pv.ReadOptions(use_threads=False, block_size=BLOCK),
            pv.ParseOptions(
                delimiter=self.separator,
                quote_char='"' if self.quoted else False,
                newlines_in_values=self.quoted,
            ),
            pv.ConvertOptions(
                null_values=MISSING,
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                column_types=dict.fromkeys(names, pa.string()),
            ),
        )


def _check_width(columns: int) -> None:
    if columns > MOST_COLUMNS:
        raise BadData(
            f"The table has {columns:,} columns.", f"Keep at most {MOST_COLUMNS:,} of them."
        )


def _typed(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    columns = [typed(cells, f.type) for cells, f in zip(batch.columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
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
    if "straddling" in message:
        return BadData(
            f"A row is longer than {BLOCK // 2**20} MB, or a quotation mark is never closed.",
            "Close the mark, or shorten the row.",
        )
    words = " ".join(message.split())[:120]
    return BadData(f"The file cannot be read as a table: {words}.", "Save the table again.")


def _check_closed(last: pa.RecordBatch, rows: int) -> None:
    """A mark that is never closed swallows the rest of the file into the last cell."""
    cells = [str(column[-1].as_py()) for column in last.columns]
    if any("\n" in cell or "\r" in cell for cell in cells):
        raise BadData(
            f"A quotation mark is opened and never closed, by row {rows + 1:,} of the file.",
            "Close it, or write two marks for one inside a cell.",
        )
