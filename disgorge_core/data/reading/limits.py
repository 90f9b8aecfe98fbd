"""How much the reading of one file may use, and where it may write."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

GB = 2**30
MOST_COLUMNS = 5000


def _memory(share: float, least: int, most: int) -> int:
    """Bytes: a share of this machine's memory, within bounds."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return int(min(max(whole * share, least), most))


@dataclass(frozen=True)
class Limits:
    """Bounds of one reading: bytes of memory and disk, seconds, and the size of the table it gives."""

    memory: int = field(default_factory=lambda: _memory(1 / 2, 2 * GB, 12 * GB))
    table: int = field(default_factory=lambda: _memory(1 / 4, GB, 8 * GB))
    disk: int = 64 * GB
    cells: int = 500_000_000
    cpu: int = 1800
    wall: int = 3600


@dataclass(frozen=True)
class Room:
    """A folder that a reader may write into, its limits, and the longer side of pictures (0: guess)."""

    folder: Path
    limits: Limits = field(default_factory=Limits)
    size: int = 0

    @property
    def table(self) -> Path:
        """Where the table goes."""
        return self.folder / "table.arrow"

    @property
    def pictures(self) -> Path:
        """Where the pictures go."""
        return self.folder / "pictures.npy"
