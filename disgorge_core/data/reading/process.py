"""Lets the limited process read a file, and takes over what it found."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from disgorge_core.data.reading.found import Found
from disgorge_core.data.reading.limits import Limits, Room
from disgorge_core.errors import BadData
from disgorge_core.limited.process import run_apart

READER = "disgorge_core.data.reading.answer:asked_for"


def read_apart(
    path: Path, limits: Limits | None = None, size: int = 0, scratch: Path | None = None
) -> Found:
    """What a file holds, read by a process of its own; raises BadData.

    Table and pictures are memory-mapped; their files, made below `scratch`, have no name any more and
    go when nothing uses them.
    """
    with tempfile.TemporaryDirectory(prefix="tmp-", dir=scratch) as folder:
        room = Room(Path(folder), limits or Limits(), size)
        said = _run(path.resolve(), room)
        if "refused" in said:
            raise BadData(*said["refused"])
        return _found(room, said)


def _run(path: Path, room: Room) -> dict[str, Any]:
    return run_apart(READER, path, room.folder, room.limits, BadData, {"size": room.size})


def _found(room: Room, said: Mapping[str, Any]) -> Found:
    with pa.memory_map(str(room.table)) as file, pa.ipc.open_file(file) as reader:
        table = reader.read_all()
    pictures = None
    if said["pictures"]:
        pictures = np.load(room.pictures, mmap_mode="r", allow_pickle=False)
    return Found(table, pictures, tuple(said["notes"]), said["format"])
