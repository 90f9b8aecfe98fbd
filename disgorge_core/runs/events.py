"""events.jsonl: one line an event, appended and flushed; a torn last line is left out."""

from __future__ import annotations

import json
import os
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

FILE = "events.jsonl"
Event = dict[str, Any]


def append(folder: Path, kind: str, **details: Any) -> None:
    """Add one event, with the time in seconds since 1970; OSError if it cannot be written."""
    line = json.dumps({"t": round(time.time(), 3), "kind": kind, **details}, ensure_ascii=False)
    with (folder / FILE).open("ab+") as file:
        file.write((_break(file) + line + "\n").encode())
        file.flush()
        if kind != "progress":
            os.fsync(file.fileno())


def _break(file: Any) -> str:
    """A line break where the last line was torn by a kill."""
    if file.seek(0, os.SEEK_END) == 0:
        return ""
    file.seek(-1, os.SEEK_END)
    return "" if file.read(1) == b"\n" else "\n"


def read(folder: Path) -> tuple[Event, ...]:
    """All whole events, oldest first."""
    path = folder / FILE
    try:
        found = path.stat()
    except FileNotFoundError:
        return ()
    return _parsed(str(path), found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=64)
def _parsed(path: str, size: int, changed: int) -> tuple[Event, ...]:
    with Path(path).open("rb") as file:
        lines = file.read(size).splitlines()
    return tuple(event for line in lines if (event := _event(line)) is not None)


def _event(line: bytes) -> Event | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and {"t", "kind"} <= event.keys() else None
