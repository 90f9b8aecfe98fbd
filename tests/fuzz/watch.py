"""What a reader must never do: start a program, open a connection, unpickle, write outside its folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from disgorge_core.limited.child import NEVER, changed

GOING = ("os.remove", "os.rmdir")  # temporary folders go by handles, and a handle has no path


class Watch:
    """An audit hook, which stays for good, and what it has seen while it was open."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.seen, self.awake = str(folder.resolve()), list[str](), False
        sys.addaudithook(self._hear)

    def _hear(self, event: str, said: tuple[Any, ...]) -> None:
        if not self.awake:
            return
        if event in NEVER:
            self.seen.append(event)
        places = [] if event in GOING else changed(event, said)
        outside = [place for place in places if not self._inside(os.fsdecode(place))]
        self.seen += [f"{event} {os.fsdecode(place)}" for place in outside]

    def _inside(self, place: str) -> bool:
        return place == os.devnull or str(Path(place).resolve()).startswith(self.folder)

    @contextmanager
    def open(self) -> Iterator[list[str]]:
        """Look and listen; what is seen is put into the list."""
        self.seen, self.awake = [], True
        try:
            yield self.seen
        finally:
            self.awake = False
