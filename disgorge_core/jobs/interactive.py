"""The interactive lane: one warm worker that answers questions; equal questions are read from disk."""

from __future__ import annotations

import json
import os
import selectors
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from disgorge_core.jobs.child import Child
from disgorge_core.jobs.failure import NoAnswer, ended_by
from disgorge_core.jobs.task import INTERACTIVE, canonical
from disgorge_core.runs import TaskResult, result
from disgorge_core.types import digest_of

WARM_UP = 120.0  # seconds that a fresh worker may take to import everything on a busy machine


class Interactive:
    """Asks one worker, one question at a time; a worker that is too slow or dies is replaced."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._buffer, self._is_ready, self._closed = b"", False, False

    def start(self) -> None:
        """Warm the worker."""
        with self._lock:
            self._fresh()

    def ask(self, case_id: str, request: Mapping[str, Any], timeout: float) -> TaskResult:
        """The answer, from the cache or the worker; raises NoAnswer with a remedy."""
        asked = {**canonical(request, INTERACTIVE), "case": case_id}
        folder = self._root / "cache" / digest_of(asked)
        if not folder.exists():
            self._work_out(asked, folder, timeout)
        return result.read(folder)

    def close(self) -> None:
        """End the worker."""
        self._closed = True
        if self._child is not None:
            self._child.end()

    def _work_out(self, asked: Mapping[str, Any], folder: Path, timeout: float) -> None:
        if not self._lock.acquire(timeout=timeout):
            raise NoAnswer("The worker is busy with other questions.", "Try again in a moment.")
        try:
            if not folder.exists():  # another thread may have asked the same meanwhile
                self._exchange(asked, folder, timeout)
        finally:
            self._lock.release()

    def _exchange(self, asked: Mapping[str, Any], folder: Path, timeout: float) -> None:
        child = self._child if self._child and self._child.alive else self._fresh()
        try:
            self._ready(child)
            child.send({"request": dict(asked), "folder": str(folder)})
            answer = self._line(child, timeout)
        except TimeoutError:
            self._replace(child)
            raise NoAnswer(
                f"That took longer than {timeout:.0f} seconds and was stopped.",
                "Ask for fewer records, or start it as a run.",
            ) from None
        except (EOFError, BrokenPipeError):
            why = ended_by(child.code)
            self._replace(child)
            raise NoAnswer(why["problem"], "Try again; a fresh worker is starting.") from None
        _raise_if_told(answer)

    def _fresh(self) -> Child:
        self._buffer, self._is_ready = b"", False
        self._child = Child(self._root, INTERACTIVE, lambda: None)
        return self._child

    def _replace(self, child: Child) -> None:
        child.end()
        if not self._closed:
            self._fresh()

    def _ready(self, child: Child) -> None:
        if not self._is_ready:
            self._line(child, WARM_UP)
            self._is_ready = True

    def _line(self, child: Child, timeout: float) -> dict[str, Any]:
        limit = time.monotonic() + timeout
        with selectors.DefaultSelector() as selector:
            selector.register(child.answers, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                if not selector.select(max(0.0, limit - time.monotonic())):
                    raise TimeoutError
                self._read(child)
        line, _, self._buffer = self._buffer.partition(b"\n")
        return dict(json.loads(line))

    def _read(self, child: Child) -> None:
        part = os.read(child.answers, 65536)
        if not part:
            raise EOFError
        self._buffer += part


def _raise_if_told(answer: Mapping[str, str]) -> None:
    if "problem" not in answer:
        return
    error = NoAnswer(answer["problem"], answer["remedy"])
    if answer["detail"]:
        error.add_note(answer["detail"])
    raise error
