"""The limited process: python -I child.py REQUEST, started by `data.reading.process`.

A hostile file may make its reader crash, loop or ask for all memory: then this process ends, not the
app. Memory is limited where the system knows such a limit (Linux), time and disk everywhere.
"""

from __future__ import annotations

import json
import resource
import sys
import types
from pathlib import Path

LIBRARY = Path(__file__).parents[2]
OWN = 2**30  # bytes of address space that the libraries take before anything is read


def main(request: str) -> None:
    """Read the file that the JSON `request` names into the folder that it names."""
    asked = json.loads(request)
    _limit(asked["limits"])
    _light()
    from disgorge_core.data.reading.answer import answer
    from disgorge_core.data.reading.limits import Limits, Room

    room = Room(Path(asked["folder"]), Limits(**asked["limits"]), asked["size"])
    answer(Path(asked["path"]), room)


def _limit(limits: dict[str, int]) -> None:
    if sys.platform == "linux":
        _bound(resource.RLIMIT_AS, limits["memory"] + OWN)
    _bound(resource.RLIMIT_CPU, limits["cpu"])
    _bound(resource.RLIMIT_FSIZE, limits["disk"])
    _bound(resource.RLIMIT_CORE, 0)


def _bound(kind: int, value: int) -> None:
    """Set a limit, unless a tighter one is there already."""
    hard = resource.getrlimit(kind)[1]
    most = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (most, hard))


def _light() -> None:
    """Make the library's modules known without its `__init__`, which brings torch."""
    package = types.ModuleType("disgorge_core")
    package.__path__ = [str(LIBRARY)]
    sys.modules["disgorge_core"] = package


if __name__ == "__main__":
    main(sys.argv[1])
