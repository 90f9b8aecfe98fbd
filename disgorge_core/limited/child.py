"""The limited process: python -I child.py REQUEST, started by `limited.process`.

A hostile file may make its reader crash, loop or ask for all memory: then this process ends, not the
app. Memory is limited where the system knows such a limit (Linux), time and disk everywhere. Whatever
a reader is talked into, here it starts no program, opens no connection, unpickles nothing and writes only
into the folder that it was given.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import tempfile
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

LIBRARY = Path(__file__).parents[1]
OWN = 2**30  # bytes of address space that the libraries take before anything is read
NEVER = (
    "subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn",
    "pty.spawn", "socket.connect", "socket.bind", "socket.sendto", "pickle.find_class", "code.__new__",
)  # fmt: skip
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
CHANGING = {  # which of an event's arguments name a place that is changed
    "os.mkdir": (0,), "os.rmdir": (0,), "os.remove": (0,), "os.truncate": (0,), "os.chmod": (0,),
    "os.chown": (0,), "os.utime": (0,), "os.rename": (0, 1), "os.link": (0, 1), "os.symlink": (1,),
}  # fmt: skip


def main(request: str) -> None:
    """Let the function that the JSON `request` names do its work, and write down what it says."""
    asked = json.loads(request)
    limit(asked["limits"])
    light()
    tempfile.tempdir = asked["folder"]
    module, _, name = asked["call"].partition(":")
    work = getattr(importlib.import_module(module), name)
    sys.addaudithook(refuse)
    sys.addaudithook(inside(asked["folder"]))
    said = work(asked)
    said["peak"] = peak()
    Path(asked["folder"], "answer.json").write_text(json.dumps(said), encoding="utf-8")


def limit(limits: dict[str, int]) -> None:
    """Bound what this process may use, for good."""
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


def refuse(event: str, _: object) -> None:
    """Raise PermissionError for what no reader of files does."""
    if event in NEVER:
        raise PermissionError(f"a reader of files may not do {event}")


def inside(folder: str) -> Callable[[str, tuple[Any, ...]], None]:
    """A hook that raises PermissionError for what would be changed outside of a folder."""
    top = Path(folder).resolve()

    def hook(event: str, said: tuple[Any, ...]) -> None:
        for place in changed(event, said):
            found = Path(os.fsdecode(place)).resolve()
            if top not in found.parents and str(found) != os.devnull:
                raise PermissionError("a reader of files writes into its own folder only")

    return hook


def changed(event: str, said: tuple[Any, ...]) -> list[Any]:
    """The places that an event of Python's own changes."""
    if event == "open":
        places = [said[0]] if isinstance(said[2], int) and said[2] & WRITING else []
    else:
        places = [said[at] for at in CHANGING.get(event, ())]
    return [place for place in places if isinstance(place, str | bytes | os.PathLike)]


def peak() -> int:
    """The most memory that was in use at once, in bytes."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes where there is no /proc
    # not ru_maxrss, which on Linux begins with what the parent used
    (line,) = [x for x in status.read_text(encoding="utf-8").splitlines() if x[:6] == "VmHWM:"]
    return 1024 * int(line.split()[1])


def light() -> None:
    """Make the library's modules known without its `__init__`, which brings torch."""
    package = types.ModuleType("disgorge_core")
    package.__path__ = [str(LIBRARY)]
    sys.modules["disgorge_core"] = package


if __name__ == "__main__":
    main(sys.argv[1])
