"""Names of the files in a zip, so that its kind is known before a process is started for it."""

from __future__ import annotations

import zipfile
from pathlib import Path

END, LARGE = b"PK\x05\x06", b"PK\x06\x07"  # the end of a list of files, and of one without bounds
LONGEST = 2**24  # bytes of the list
TAIL = 2**16 + 22


def names_of(path: Path) -> tuple[str, ...]:
    """The names in a zip; none where it is no zip, or where its list of files is very long."""
    if _list_size(path) > LONGEST:
        return ()
    try:
        with zipfile.ZipFile(path) as archive:
            return tuple(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return ()


def _list_size(path: Path) -> int:
    """Bytes of the list of files, as the end of the zip says."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL))
        tail = file.read()
    at = tail.rfind(END)
    if at < 0 or len(tail) - at < 22 or LARGE in tail[max(0, at - 20) : at]:
        return LONGEST + 1
    return int.from_bytes(tail[at + 12 : at + 16], "little")
