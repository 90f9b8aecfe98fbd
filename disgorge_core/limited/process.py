"""Starts the limited process, and says in a sentence how it ended."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from disgorge_core.errors import DisgorgeError
from disgorge_core.limited import child

LOG = logging.getLogger(__name__)
SPARE = {  # one thread and the system's own allocator keep the address space small
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "ARROW_IO_THREADS": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "2",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What one process may use: bytes of memory and disk, seconds of computing and of waiting."""

    memory: int
    disk: int
    cpu: int
    wall: int


def run_apart(
    call: str,
    path: Path,
    folder: Path,
    bounds: Any,
    error: type[DisgorgeError],
    asked: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What the function `call` ("module:name") says about a file, from a process of its own.

    It is given a dict: `path`, `folder` (the only place where it writes), `limits` (the `bounds`, a
    dataclass with at least the fields of `Bounds`) and all of `asked`. Raises `error` where it refuses the
    file or does not end well.
    """
    limits = asdict(bounds)
    request = {
        "call": call, "path": str(path.resolve()), "folder": str(folder), "limits": limits, **(asked or {}),
    }  # fmt: skip
    _run(json.dumps(request), path, folder, limits["wall"], error)
    said: dict[str, Any] = json.loads((folder / "answer.json").read_text(encoding="utf-8"))
    LOG.info("reading %s took %.0f MB", path.name, said.pop("peak") / 2**20)
    if "refused" in said:
        raise error(*said["refused"])
    return said


def _run(request: str, path: Path, folder: Path, wall: int, error: type[DisgorgeError]) -> None:
    program = [sys.executable, "-I", child.__file__, request]
    said = folder / "said.txt"
    with said.open("wb") as out:
        try:
            done = subprocess.run(
                program, stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=wall,
                env=os.environ | SPARE, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise error(*TOO_LONG) from None
    if done.returncode:
        LOG.warning("reading %s ended with %s: %s", path, done.returncode, _end_of(said))
        raise error(*_ended(done.returncode))


def _end_of(said: Path) -> str:
    with said.open("rb") as file:
        file.seek(max(0, said.stat().st_size - 2000))
        return file.read().decode("utf-8", errors="replace")


TOO_LONG = ("The file took too long to read.", "Open a part of it.")
TOO_LARGE = ("The file needs more memory than there is.", "Open a part of it.")
STOPPED = ("The file is damaged: its reader stopped.", "Write or upload it again.")


def _ended(status: int) -> tuple[str, str]:
    if status == -signal.SIGXCPU:
        return TOO_LONG
    return TOO_LARGE if status == -signal.SIGKILL else STOPPED
