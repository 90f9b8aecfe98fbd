"""Tables as text with `,`, `;` or `|` between the cells; the first line names the columns."""

from __future__ import annotations

from pathlib import Path

from disgorge_core.data.reading.found import Reading
from disgorge_core.data.reading.limits import Room
from disgorge_core.data.reading.plain_text import check_text, is_text, separator
from disgorge_core.data.reading.separated import Separated
from disgorge_core.registry import DATA_FORMATS


@DATA_FORMATS.register
class Csv:
    """Comma-separated values in UTF-8."""

    name = "csv"
    title = "CSV"
    suffixes = (".csv", ".txt")
    order = 90  # any text looks like CSV, so the others are asked first

    def sniff(self, path: Path) -> bool:
        """Is it text?"""
        return is_text(path)

    def read(self, path: Path, room: Room) -> Reading:
        """The table with guessed types; raises BadData that names the row or the byte."""
        marks = check_text(path)
        return Reading(Separated(path, separator(path)).table(marks))
