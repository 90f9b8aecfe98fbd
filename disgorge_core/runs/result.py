"""What a task gives: plain values (result.json) and arrays (arrays.npz, read one at a time)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from disgorge_core.errors import StoreError
from disgorge_core.store import building
from disgorge_core.types import Array

VALUES, ARRAYS = "result.json", "arrays.npz"


@dataclass(frozen=True, eq=False)
class TaskResult:
    """Values that JSON can hold, and arrays by name (no Python objects in them)."""

    values: Mapping[str, Any]
    arrays: Mapping[str, Array] = field(default_factory=dict)


class StoredArrays(Mapping[str, Array]):
    """The arrays of a stored result; each is read when it is first asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: dict[str, Array] = {}
        with np.load(path, allow_pickle=False) as stored:
            self._names = tuple(stored.files)

    def __getitem__(self, name: str) -> Array:
        """The array of that name; raises KeyError where there is none."""
        if name not in self._names:
            raise KeyError(name)
        if name not in self._read:
            with np.load(self._path, allow_pickle=False) as stored:
                self._read[name] = stored[name]
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        """Their names, in the order in which they were stored."""
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def save(folder: Path, result: TaskResult) -> None:
    """Store a result under this name, as a whole or not at all; raises StoreError."""
    with building(folder) as draft:
        fill(draft, result)


def fill(folder: Path, result: TaskResult) -> None:
    """Put a result into a folder that is being built."""
    text = json.dumps(dict(result.values), ensure_ascii=False, sort_keys=True, indent=1)
    (folder / VALUES).write_text(text, encoding="utf-8")
    np.savez(folder / ARRAYS, allow_pickle=False, **dict(result.arrays))


def read(folder: Path) -> TaskResult:
    """The result that was stored in this folder; raises StoreError where there is none."""
    try:
        values = json.loads((folder / VALUES).read_text(encoding="utf-8"))
        return TaskResult(values, StoredArrays(folder / ARRAYS))
    except (OSError, ValueError):
        raise StoreError("There is no readable result.", "Start the run again.") from None
