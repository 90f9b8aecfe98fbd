"""Starts the limited process that reads a file, and takes over what it found."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from disgorge_core.data.reading import child
from disgorge_core.data.reading.found import Found
from disgorge_core.data.reading.limits import Limits, Room
from disgorge_core.errors import BadData

LOG = logging.getLogger(__name__)
SPARE = {  # one thread and the system's own allocator keep the address space small
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "ARROW_IO_THREADS": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "2",
}  # fmt: skip


def read_apart(
    path: Path, limits: Limits | None = None, size: int = 0, scratch: Path | None = None
) -> Found:
    """What a file holds, read by a process of its own; raises BadData.

    Table and pictures are memory-mapped; their files, made below `scratch`, have no name any more and
    go when nothing uses them.
    """
    with tempfile.TemporaryDirectory(prefix="tmp-", dir=scratch) as folder:
        room = Room(Path(folder), limits or Limits(), size)
        _run(path.resolve(), room)
        said = json.loads(room.answer.read_text(encoding="utf-8"))
        if "refused" in said:
            raise BadData(*said["refused"])
        return _found(room, said)


def _found(room: Room, said: Mapping[str, Any]) -> Found:
    with pa.memory_map(str(room.table)) as file, pa.ipc.open_file(file) as reader:
        table = reader.read_all()
    pictures = None
    if said["pictures"]:
        pictures = np.load(room.pictures, mmap_mode="r", allow_pickle=False)
    return Found(table, pictures, tuple(said["notes"]))


def _run(path: Path, room: Room) -> None:
    request = {
        "path": str(path), "folder": str(room.folder), "limits": asdict(room.limits), "size": room.size,
    }  # fmt: skip
    program = [sys.executable, "-I", child.__file__, json.dumps(request)]
    said = room.folder / "said.txt"
    with said.open("wb") as out:
        try:
            done = subprocess.run(
                program, stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=room.limits.wall,
                env=os.environ | SPARE, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise _too_long() from None
    if done.returncode:
        LOG.warning("reading %s ended with %s: %s", path, done.returncode, _end_of(said))
        raise _ended(done.returncode)


def _end_of(said: Path) -> str:
    with said.open("rb") as file:
        file.seek(max(0, said.stat().st_size - 2000))
        return file.read().decode("utf-8", errors="replace")


def _ended(status: int) -> BadData:
    if status == -signal.SIGXCPU:
        return _too_long()
    if status == -signal.SIGKILL:
        return BadData("The file needs more memory than there is.", "Open a part of it.")
    return BadData("The file is damaged: its reader stopped.", "Write or upload it again.")


def _too_long() -> BadData:
    return BadData("The file took too long to read.", "Open a part of it.")
