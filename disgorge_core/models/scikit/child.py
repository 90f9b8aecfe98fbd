"""The limited process that knows scikit-learn: python -I child.py < REQUEST, started by `scikit.process`.

A hostile file may make its reader crash, loop or ask for all memory: then this process ends, not the
app. No object of scikit-learn leaves it, only plain numbers (reading) or a file (writing).
"""

from __future__ import annotations

import json
import resource
import sys
import time
import types
import zipfile
from pathlib import Path
from typing import Any

LIBRARY = Path(__file__).parents[2]
OWN = 6 * 2**30  # bytes of address space that the libraries take
SECONDS = 300  # of computing
BROKEN = (
    zipfile.BadZipFile, OSError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError,
    RecursionError, NotImplementedError, ArithmeticError, RuntimeError, ImportError,
)  # fmt: skip
DAMAGED = "Write it with skops.io.dump(pipeline, 'model.skops')."


def main(request: str) -> None:
    """Do what the JSON `request` asks for; the answer, or the refusal, is JSON on the output."""
    asked = json.loads(request)
    _limit(asked["room"])
    _light()
    from disgorge_core.errors import BadModel

    try:
        said = _read(asked) if asked["do"] == "read" else _write(asked)
    except BadModel as error:
        said = {"refused": [error.problem, error.remedy]}
    except MemoryError:
        said = {"refused": ["The file needs too much memory.", "Use a smaller model."]}
    except BROKEN as error:
        words = " ".join(str(error).split())[:100]
        said = {"refused": [f"The skops file is damaged: {words or 'no reason given'}.", DAMAGED]}
    print(json.dumps(said))


def _read(asked: dict[str, Any]) -> dict[str, Any]:
    import numpy as np

    from disgorge_core.models.scikit.archive import loaded
    from disgorge_core.models.scikit.estimators import described

    began = time.monotonic()
    about, arrays = described(loaded(Path(asked["path"]), asked["room"]))
    np.savez(asked["arrays"], allow_pickle=False, **arrays)
    return {**about, "seconds": round(time.monotonic() - began, 1)}


def _write(asked: dict[str, Any]) -> dict[str, Any]:
    import numpy as np

    from disgorge_core.models.scikit.build import write

    with np.load(asked["arrays"], allow_pickle=False) as found:
        write(asked["about"], dict(found), Path(asked["path"]))
    return {}


def _limit(room: int) -> None:
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (2 * room + OWN,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _light() -> None:
    """Make the library's modules known without its `__init__`, which brings torch."""
    package = types.ModuleType("disgorge_core")
    package.__path__ = [str(LIBRARY)]
    sys.modules["disgorge_core"] = package


if __name__ == "__main__":
    main(sys.stdin.read())
