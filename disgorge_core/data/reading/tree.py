"""A folder of files, packed in a zip or lying on this computer."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from disgorge_core.data.reading.archive import MOST_FILES, is_junk, opened
from disgorge_core.data.reading.limits import Room
from disgorge_core.errors import BadData


class Tree(Protocol):
    """Files by their names below the folder, "a/b.png", sorted."""

    @property
    def names(self) -> list[str]:
        """Their names."""

    def read(self, name: str, most: int) -> bytes:
        """The content of a file of at most that many bytes; raises BadData."""

    def place(self, name: str) -> Path:
        """A file on the disk that can be read piece by piece."""


@contextmanager
def tree_of(path: Path, room: Room) -> Iterator[Tree]:
    """The files of a zip or folder; raises BadData where one of them cannot be trusted."""
    if path.is_dir():
        yield Folder(path, _below(path))
        return
    with opened(path, room.limits) as (archive, members):
        sizes = {member.filename: member.file_size for member in members}
        yield Packed(sorted(sizes), archive, sizes, room)


@dataclass(frozen=True)
class Folder:
    """A folder on this computer; what it links to is the user's own choice."""

    root: Path
    names: list[str]

    def read(self, name: str, most: int) -> bytes:
        """The content of a file."""
        _check_size(name, self.place(name).stat().st_size, most)
        return self.place(name).read_bytes()

    def place(self, name: str) -> Path:
        """The file itself."""
        return self.root / name


@dataclass(frozen=True)
class Packed:
    """A zip; what must lie on the disk is unpacked under a name of our own."""

    names: list[str]
    archive: zipfile.ZipFile
    sizes: dict[str, int]
    room: Room

    def read(self, name: str, most: int) -> bytes:
        """The content of a file; never more than its stated size is unpacked."""
        _check_size(name, self.sizes[name], most)
        return self.archive.read(name)

    def place(self, name: str) -> Path:
        """The unpacked file."""
        target = self.room.folder / f"part-{self.names.index(name)}"
        if not target.exists():
            with self.archive.open(name) as packed, target.open("wb") as file:
                while block := packed.read(2**20):
                    file.write(block)
        return target


def _below(root: Path) -> list[str]:
    names: list[str] = []
    for folder, _, files in os.walk(root):
        for file in files:
            path = Path(folder, file)
            if path.is_file() and not is_junk(file):
                names.append(path.relative_to(root).as_posix())
        if len(names) > MOST_FILES:
            raise BadData(
                f"The folder holds more than {MOST_FILES:,} files.", "Choose a folder with less."
            )
    return sorted(names)


def _check_size(name: str, size: int, most: int) -> None:
    if size > most:
        raise BadData(
            f"{name[-60:]!a} has {size / 2**20:,.1f} MB, the limit is {most / 2**20:,.0f} MB.",
            "Make it smaller.",
        )
