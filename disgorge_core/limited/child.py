"""The limited process: python -I child.py REQUEST, started by `limited.process`.

A hostile file may make its reader crash, loop or ask for all memory: then this process ends, not the
app. Memory is limited where the system knows such a limit (Linux), time and disk everywhere. Whatever
a reader is talked into, here it starts no program, opens no connection and unpickles nothing.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
import types
from pathlib import Path

LIBRARY = Path(__file__).parents[1]
OWN = 2**30  # bytes of address space that the libraries take before anything is read
NEVER = (
    "subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn",
    "pty.spawn", "socket.connect", "socket.bind", "socket.sendto", "pickle.find_class", "code.__new__",
)  # fmt: skip


def main(request: str) -> None:
    """Let the function that the JSON `request` names do its work, and write down what it says."""
    asked = json.loads(request)
    limit(asked["limits"])
    light()
    module, _, name = asked["call"].partition(":")
    work = getattr(importlib.import_module(module), name)
    sys.addaudithook(refuse)
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
