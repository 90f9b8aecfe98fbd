"""Features that were computed once: in memory, and on disk where a folder was named for them.

A record is known by its own content, so that it is found again in any subset and any order. On disk each
stretch of work is a file of its own: several processes may write, and a kill loses one stretch at most.
"""

from __future__ import annotations

import hashlib
import os
import threading
import uuid
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from disgorge_core.store import TEMPORARY, plain_errors
from disgorge_core.types import Array

KEY = 16  # bytes
WORTH = 8  # records that are written together: fewer wait for others


class Place(Protocol):
    """A folder for features that may not be there yet, or not any more."""

    @property
    def path(self) -> Path:
        """The folder."""
        ...

    def make(self) -> bool:
        """Make it; False where nothing may be kept in it any more."""
        ...


PLACE: ContextVar[Place | None] = ContextVar("features", default=None)


def keep_in(place: Place | None) -> None:
    """Keep features there, from here on in this thread."""
    PLACE.set(place)


@contextmanager
def kept_in(place: Place | None) -> Iterator[None]:
    """Keep features there for a stretch."""
    before = PLACE.set(place)
    try:
        yield
    finally:
        PLACE.reset(before)


def key_of(content: bytes) -> bytes:
    """What a record is known by."""
    return hashlib.blake2b(content, digest_size=KEY).digest()


class Kept:
    """Features (width,) of records by their keys, of the backbone `name`; no place: in memory alone."""

    def __init__(self, width: int, place: Place | None, name: str) -> None:
        self._width, self._root = width, place
        self._folder = place.path / name if place else None
        self._was_there = False
        self._place: dict[bytes, tuple[int, int]] = {}  # block and row
        self._blocks: list[Array] = []
        self._waiting: list[tuple[bytes, int, int]] = []  # not written yet
        self._read: set[str] = set()
        self._lock = threading.RLock()

    @property
    def gone(self) -> bool:
        """Whether its folder was purged."""
        there = self._root is not None and self._root.path.is_dir()
        self._was_there |= there
        return self._was_there and not there

    def missing(self, keys: Sequence[bytes]) -> list[int]:
        """Positions of the records that are not known, each content once."""
        with self._lock:
            if any(key not in self._place for key in keys):
                self._read_new()
            first = {key: i for i, key in reversed(list(enumerate(keys)))}
            return sorted(i for key, i in first.items() if key not in self._place)

    def add(self, keys: Sequence[bytes], values: Array) -> None:
        """Features (m, width) of these records."""
        with self._lock:
            self._take(keys, values)
            if self._root is None or self._folder is None:
                return
            self._waiting += [(key, *self._place[key]) for key in keys]
            if len(self._waiting) >= WORTH and (self._root.path.is_dir() or self._root.make()):
                waiting, self._waiting = self._waiting, []
                rows = np.stack([self._blocks[block][row] for _, block, row in waiting])
                self._write(self._folder, [key for key, *_ in waiting], rows)

    def of(self, keys: Sequence[bytes]) -> Array:
        """Features (m, width) float32 of records that are all known."""
        found = np.empty((len(keys), self._width), dtype=np.float32)
        with self._lock:
            for i, key in enumerate(keys):
                block, row = self._place[key]
                found[i] = self._blocks[block][row]
        return found

    def _take(self, keys: Sequence[bytes], values: Array) -> None:
        self._blocks.append(np.asarray(values, dtype=np.float32))
        for row, key in enumerate(keys):
            self._place[key] = (len(self._blocks) - 1, row)

    def _read_new(self) -> None:
        """Take what this or another process wrote; a stretch that is damaged is computed again."""
        folder = self._folder
        if folder is None or not folder.is_dir():
            return
        for path in sorted(folder.glob("*.npz")):
            if path.name not in self._read:
                self._read.add(path.name)
                with suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
                    self._take(*self._checked(path))

    def _checked(self, path: Path) -> tuple[list[bytes], Array]:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
            keys, values = found["keys"], found["values"]
        if keys.dtype != np.uint8 or keys.shape != (len(values), KEY) or values.dtype != np.float32:
            raise ValueError
        if values.shape[1:] != (self._width,) or not np.isfinite(values).all():
            raise ValueError
        return [key.tobytes() for key in keys], values

    def _write(self, folder: Path, keys: Sequence[bytes], values: Array) -> None:
        """Write a stretch, unless the folder was purged meanwhile; raises StoreError for a full disk."""
        name = f"{uuid.uuid4().hex}.npz"
        draft = folder / f"{TEMPORARY}{name}"
        self._read.add(name)
        arrays: dict[str, Any] = {"keys": np.frombuffer(b"".join(keys), np.uint8).reshape(-1, KEY)}
        try:
            with plain_errors(), suppress(FileNotFoundError):
                folder.mkdir(exist_ok=True)
                with draft.open("xb") as file:
                    np.savez(file, **arrays, values=np.asarray(values, np.float32))
                    file.flush()
                    os.fsync(file.fileno())
                draft.replace(folder / name)
        finally:
            draft.unlink(missing_ok=True)
