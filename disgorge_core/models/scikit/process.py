"""skops files, read and written by the limited process."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from disgorge_core.errors import BadModel
from disgorge_core.limited.process import Bounds, run_apart
from disgorge_core.models.scikit.archive import ABOUT, ARRAYS, MADE
from disgorge_core.types import Array

HERE = "disgorge_core.models.scikit.child"
GB = 2**30


@dataclass(frozen=True, kw_only=True)
class Room(Bounds):
    """Bounds of one file: scikit-learn itself takes much of the memory and of the time."""

    memory: int = 6 * GB
    disk: int = 2 * GB
    cpu: int = 300
    wall: int = 600
    file: int = GB  # what a file may hold once it is unpacked


def read_apart(path: Path) -> tuple[dict[str, Any], dict[str, Array]]:
    """What a file's pipeline computes, and the seconds that it took, and arrays; raises BadModel."""
    with tempfile.TemporaryDirectory() as place:
        folder, began = Path(place), time.monotonic()
        about = run_apart(f"{HERE}:read", path, folder, Room(), BadModel)
        about["seconds"] = round(time.monotonic() - began, 1)
        with np.load(folder / ARRAYS, allow_pickle=False) as found:
            return about, dict(found)


def write_apart(about: Mapping[str, Any], arrays: Mapping[str, Array]) -> bytes:
    """A skops file with the pipeline that computes this; raises BadModel."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        np.savez(folder / ARRAYS, allow_pickle=False, **dict(arrays))
        (folder / ABOUT).write_text(json.dumps(dict(about)), encoding="utf-8")
        run_apart(f"{HERE}:build", folder / ABOUT, folder, Room(), BadModel)
        return (folder / MADE).read_bytes()
