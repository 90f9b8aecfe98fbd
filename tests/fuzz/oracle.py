"""One input, one reader: a valid result, or one plain sentence with its remedy. All else is a finding."""

from __future__ import annotations

import re
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from disgorge_core.errors import DisgorgeError
from tests.fuzz.watch import Watch
from tests.limited.here import run_here

JARGON = re.compile(
    r"Traceback|0x[0-9a-f]{6}|/tmp|/work|\.py\b|object at|Errno|NoneType|<class|numpy\.|pyarrow|argument"
    r"|subscriptable|iterable|codec|std::|TensorImpl|unpack \(|keyword|expected str"
)
LONGEST = 700  # signs of a refusal


class Finding(Exception):
    """What a reader should not have done."""


@dataclass
class Bench:
    """A folder to work in, with readers that run in this process."""

    folder: Path
    watch: Watch

    def trial(self, read: Callable[[Path], Any], name: str, content: bytes) -> str:
        """Let a reader read this; "" or how it refused. Raises Finding."""
        path = self.folder / name
        path.write_bytes(content)
        with self.watch.open() as seen:
            said = _outcome(read, path)
        if seen:
            raise Finding(f"did {seen[0]}")
        return said


def bench(folder: Path) -> Bench:
    """Readers that ask for the limited process get the same code here; temporary files go below."""
    tempfile.tempdir = str(folder)
    for module in [m for m in sys.modules.values() if m.__name__.startswith("disgorge_core")]:
        if hasattr(module, "run_apart"):
            module.run_apart = run_here
    return Bench(folder, Watch(folder))


def _outcome(read: Callable[[Path], Any], path: Path) -> str:
    try:
        result = read(path)
    except DisgorgeError as error:
        _check_words(error)
        return error.problem
    except MemoryError:
        raise Finding("MemoryError") from None
    except Exception as error:
        raise Finding(f"{type(error).__name__} at {_where(error)}") from error
    _check(result)
    return ""


def _where(error: Exception) -> str:
    """The last line of ours that the error came through."""
    steps = [s for s in traceback.extract_tb(error.__traceback__) if "disgorge_core" in s.filename]
    return f"{Path(steps[-1].filename).name} {steps[-1].name}" if steps else "nowhere of ours"


def _check_words(error: DisgorgeError) -> None:
    text = str(error)
    if len(text.splitlines()) != 1 or len(text) > LONGEST or not error.remedy or not error.problem:
        raise Finding(f"not one sentence with a remedy: {type(error).__name__}")
    found = JARGON.search(re.sub(r"'[^']*'|\"[^\"]*\"", "", text))
    if found or not error.problem.rstrip().endswith((".", "?")):
        raise Finding(f"jargon {found[0] if found else 'without an end'!r}: {text[:50]}")


def _check(result: Any) -> None:
    """A dataset or a model holds together."""
    from disgorge_core.types import Dataset

    if isinstance(result, Dataset):
        n = len(result.ids)
        parts = {len(result.y), len(result.split), len(result.meta), len(result.x)}
        if parts != {n} or len(set(result.ids)) != n or not np.isin(result.split, [0, 1, 2]).all():
            raise Finding("a dataset whose parts do not fit")
