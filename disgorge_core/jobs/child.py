"""A worker process as the server that started it sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import disgorge_core
from disgorge_core.runs import process

# one thread a worker: on a busy machine torch's own choice is many times slower
THREADS = {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": "1"}
SOURCE = Path(disgorge_core.__file__).parents[1]


class Child:
    """One worker, in a process group of its own, which the end of the server does not touch."""

    def __init__(self, root: Path, lane: str, ended: Callable[[], None]) -> None:
        """Start it; `ended` is called from another thread when it is gone."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "disgorge_core.jobs.worker", str(root), lane],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=SOURCE,
            env={**os.environ, **THREADS},
            start_new_session=True,
        )
        self.pid = self._process.pid
        self.started = process.identity(self.pid) or ""
        self._ended = ended
        self._waiter = threading.Thread(target=self._wait, daemon=True)
        self._waiter.start()

    def _wait(self) -> None:
        self._process.wait()
        self._ended()

    @property
    def alive(self) -> bool:
        """Whether it is still there."""
        return self._waiter.is_alive()

    @property
    def code(self) -> int | None:
        """Its exit code, negative for a signal; None while it is alive."""
        self._waiter.join(0.5)  # a worker that has just gone may not have been waited for yet
        return self._process.returncode

    @property
    def answers(self) -> int:
        """File descriptor from which its answers are read."""
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    def send(self, message: Mapping[str, Any]) -> None:
        """Give it one line of work; raises OSError if it is gone."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(dict(message)).encode() + b"\n")
        self._process.stdin.flush()

    def release(self) -> None:
        """Let it go: it ends when it has finished what it is doing."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def end(self) -> None:
        """End it and everything that it started."""
        process.end_group(self.pid, self.started)
        self.release()
