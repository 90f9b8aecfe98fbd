"""Arrays of an NPZ file: their headers are checked against the space that they really take."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from disgorge_core.errors import BadData

KINDS = "biufUSM"  # true/false, numbers, texts, dates; nothing that must be unpickled
BLOCK = 2**24  # bytes that are held at once
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


@dataclass(frozen=True)
class Stored:
    """An array in the archive, known by its header."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    archive: zipfile.ZipFile
    member: str

    @property
    def bytes(self) -> int:
        """Bytes of the whole array."""
        return math.prod(self.shape) * self.dtype.itemsize

    def blocks(self) -> Iterator[npt.NDArray[Any]]:
        """The array, some rows after others."""
        row = self.dtype.itemsize * math.prod(self.shape[1:])
        step = max(1, BLOCK // max(1, row))
        with self.archive.open(self.member) as file:
            _header(file, self.name)
            for start in range(0, self.shape[0], step):
                rows = min(step, self.shape[0] - start)
                content = file.read(rows * row)
                block = np.frombuffer(content, self.dtype).reshape(rows, *self.shape[1:])
                yield block.astype(self.dtype.newbyteorder("="), copy=False)

    def whole(self) -> npt.NDArray[Any]:
        """The array at once."""
        return (
            np.concatenate([*self.blocks()]) if self.shape[0] else np.empty(self.shape, self.dtype)
        )


def stored_arrays(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> dict[str, Stored]:
    """The arrays by name; raises BadData for objects and for headers that lie."""
    return {m.filename.removesuffix(".npy"): _stored(archive, m) for m in members}


def _stored(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Stored:
    name = member.filename.removesuffix(".npy")
    with archive.open(member) as file:
        shape, fortran, dtype = _header(file, name)
        head = file.tell()
    shown = repr(name[:60])
    if dtype.kind not in KINDS:
        raise BadData(
            f"The array {shown} holds {'Python objects' if dtype.hasobject else str(dtype)[:60]}.",
            "Keep arrays of numbers, texts, dates and true or false.",
        )
    if fortran and len(shape) > 1:
        raise BadData(f"The array {shown} is in Fortran order.", "Save np.ascontiguousarray of it.")
    if min(shape, default=0) < 0 or head + math.prod(shape) * dtype.itemsize != member.file_size:
        raise BadData(
            f"The header of the array {shown} does not fit its content.", "Save it again."
        )
    return Stored(name, shape, dtype, archive, member.filename)


def _header(file: IO[bytes], name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    if version not in HEADERS:
        raise BadData(f"The array {name[:60]!r} is of an unknown version.", "Save it again.")
    shape, fortran, dtype = HEADERS[version](file)
    return tuple(map(int, shape)), fortran, dtype
