"""Is it text, and which text: checks before a file is read as a table."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from disgorge_core.errors import BadData

BINARY = (
    b"PAR1", b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"%PDF", b"\x89PNG", b"\xd0\xcf\x11\xe0",
    b"\x80\x02", b"ARROW1",
)  # fmt: skip
WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
CHUNK = 2**20
SEPARATORS = ",;|\t"


def head(path: Path, size: int = 4096) -> bytes:
    """The first bytes of a file; none of a folder."""
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(size)


def is_text(path: Path) -> bool:
    """Whether a file looks like text, in UTF-16 too: `check_text` says what to do about that."""
    start = head(path)
    return bool(start) and (
        start.startswith(WIDE) or (b"\0" not in start and not start.startswith(BINARY))
    )


def check_text(path: Path) -> int:
    """How many quotation marks there are; raises BadData where the file is not UTF-8 text."""
    decoder, marks, line = codecs.getincrementaldecoder("utf-8")(), 0, 1
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                raise _not_utf8(path, line + chunk[: error.start].count(b"\n")) from None
            if b"\0" in chunk:
                raise BadData("The file is not text.", "Save the table as CSV or Parquet.")
            marks += chunk.count(b'"')
            line += chunk.count(b"\n")
    if decoder.getstate()[0]:
        raise _not_utf8(path, line)
    return marks


def _not_utf8(path: Path, line: int) -> BadData:
    wide = head(path, 2) in WIDE
    problem = "The file is UTF-16 text" if wide else f"Line {line:,} of the file is not UTF-8 text"
    return BadData(f"{problem}.", "Save it again as UTF-8 (in Excel: 'CSV UTF-8').")


def separator(path: Path) -> str:
    """The sign that occurs most often in the first line, outside of quotation marks."""
    line = head(path, CHUNK).splitlines()[:1]
    text = line[0].decode("utf-8-sig", errors="ignore") if line else ""
    return max(SEPARATORS, key=re.sub(r'"[^"]*"', "", text).count)
