"""Zip files whose members are checked before anything is unpacked."""

from __future__ import annotations

import re
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from disgorge_core.data.reading.limits import Limits
from disgorge_core.data.reading.plain_text import head
from disgorge_core.errors import BadData

MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
MOST_FILES = 1_000_000
MOST_RATIO = 200  # unpacked bytes for each packed one, where there is much to unpack
MUCH = 2**28
NESTED = (".zip", ".7z", ".rar", ".gz", ".tgz", ".tar", ".bz2", ".xz", ".zst")
JUNK = ("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")
DRIVE = re.compile(r"[A-Za-z]:")


def is_zip(path: Path) -> bool:
    """Whether a file starts as a zip does."""
    return head(path, 4) in MAGIC


@contextmanager
def opened(path: Path, limits: Limits) -> Iterator[tuple[zipfile.ZipFile, list[zipfile.ZipInfo]]]:
    """The archive and its files, without what computers add themselves; raises BadData."""
    with zipfile.ZipFile(path) as archive:
        files = [m for m in archive.infolist() if not m.is_dir() and not is_junk(m.filename)]
        _check_sizes(files, path.stat().st_size, limits)
        for member in files:
            _check(member)
        yield archive, files


def is_junk(name: str) -> bool:
    """Whether a computer put the file there by itself."""
    return any(part in JUNK or part.startswith("._") for part in name.split("/"))


def _check_sizes(files: list[zipfile.ZipInfo], size: int, limits: Limits) -> None:
    if len(files) > MOST_FILES:
        raise BadData(f"The zip holds {len(files):,} files.", f"Pack at most {MOST_FILES:,}.")
    if sum(member.compress_size for member in files) > size:
        raise BadData("The files in the zip overlap.", "Pack the folder again.")
    unpacked = sum(member.file_size for member in files)
    if unpacked > limits.disk or unpacked > MUCH + MOST_RATIO * size:
        raise BadData(
            f"The zip would unpack to {unpacked / 2**30:,.1f} GB, {unpacked / size:,.0f} times its size.",
            "Pack less.",
        )
    if len({member.filename for member in files}) < len(files):
        raise BadData("Two files in the zip have the same name.", "Pack the folder again.")


def _check(member: zipfile.ZipInfo) -> None:
    """Raise BadData for a member that leads out of its folder, is a link, an archive or encrypted."""
    name, shown = member.filename, ascii(member.filename[:60])
    outside = name.startswith("/") or ".." in name.split("/") or DRIVE.match(name)
    if outside or "\\" in name or not name.isprintable():
        raise BadData(f"The name {shown} leads out of the zip.", "Pack a plain folder.")
    if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG):
        raise BadData(f"{shown} in the zip is a link or a device.", "Pack the files themselves.")
    if name.lower().endswith(NESTED):
        raise BadData(f"The zip holds another archive, {shown}.", "Unpack it and pack one folder.")
    if member.flag_bits & 1:
        raise BadData("The zip is locked with a password.", "Pack it without one.")
