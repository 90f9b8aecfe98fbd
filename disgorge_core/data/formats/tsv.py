"""Tables as text with tabs between the cells; the first line names the columns.

Spreadsheets protect cells by quotation marks as in CSV; collections of sentences write them as plain
signs. Where a cell begins with a mark that is not its frame, marks are plain signs.
"""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa

from disgorge_core.data.reading.found import Reading
from disgorge_core.data.reading.limits import Room
from disgorge_core.data.reading.plain_text import check_text, head, is_text, separator
from disgorge_core.data.reading.separated import Separated
from disgorge_core.errors import BadData
from disgorge_core.registry import DATA_FORMATS

OPENED = re.compile(rb'(?:^|\t)"')
FRAMED = re.compile(rb'(?:^|\t)"(?:[^"]|"")*"(?=\t|\r?\n?$)')
NOTE = "Quotation marks in the cells were read as plain signs."


@DATA_FORMATS.register
class Tsv:
    """Tab-separated values in UTF-8."""

    name = "tsv"
    title = "TSV"
    suffixes = (".tsv", ".tab")
    order = 80

    def sniff(self, path: Path) -> bool:
        """Is it text whose first line has tabs above all, or some and the name says so?"""
        if not is_text(path):
            return False
        named = path.suffix.lower() in self.suffixes and b"\t" in head(path).split(b"\n")[0]
        return named or separator(path) == "\t"

    def read(self, path: Path, room: Room) -> Reading:
        """The table with guessed types; raises BadData that names the row or the byte."""
        marks = check_text(path)
        if marks and not _framed(path):
            table = _unquoted(path)
            if table is not None:
                return Reading(table, notes=(NOTE,))
        return Reading(Separated(path, "\t").table(marks))


def _framed(path: Path) -> bool:
    """Whether every cell that begins with a mark ends with one, in the same line."""
    with path.open("rb") as file:
        return all(len(OPENED.findall(line)) == len(FRAMED.findall(line)) for line in file)


def _unquoted(path: Path) -> pa.RecordBatchReader | None:
    """The table with marks as plain signs; None if its rows are ragged then."""
    try:
        return Separated(path, "\t", quoted=False).table()
    except BadData:
        return None
