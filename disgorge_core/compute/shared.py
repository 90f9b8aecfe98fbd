"""Arrays that worker processes read from one file in memory, instead of a copy sent with each task."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from disgorge_core.types import Array


@dataclass(frozen=True)
class SharedArray:
    """Where an array lies; small enough to travel with every task."""

    path: Path

    def open(self) -> Array:
        """The array, read-only, mapped into memory."""
        return np.load(self.path, mmap_mode="r")


@contextmanager
def shared(arrays: Mapping[str, Array]) -> Iterator[dict[str, SharedArray]]:
    """Write arrays to temporary files; they are deleted on the way out."""
    with tempfile.TemporaryDirectory(prefix="disgorge-") as folder:
        found = {}
        for name, array in arrays.items():
            found[name] = SharedArray(Path(folder, f"{name}.npy"))
            np.save(found[name].path, array, allow_pickle=False)
        yield found
