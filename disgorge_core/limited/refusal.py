"""What a reader says in its limited process: what it found, or in one sentence why nothing."""

from __future__ import annotations

import struct
import sys
import tokenize
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

from disgorge_core.errors import DisgorgeError

DAMAGE = (
    OSError, ValueError, KeyError, IndexError, EOFError, NotImplementedError, RecursionError,
    OverflowError, SyntaxError, SystemError, tokenize.TokenError, struct.error, zlib.error,
    zipfile.BadZipFile,
)  # fmt: skip
TOO_MUCH = ("The file needs more memory than a reader may use.", "Open a part of it.")
DAMAGED = ("The file is damaged or cut short.", "Write or upload it again.")


def answered(
    work: Callable[[], dict[str, Any]], damage: tuple[type[Exception], ...] = DAMAGE
) -> dict[str, Any]:
    """What `work` gives, or the two sentences of its refusal; libraries' own words go to the log only."""
    try:
        return work()
    except DisgorgeError as error:
        return {"refused": [error.problem, error.remedy]}
    except MemoryError:
        return {"refused": list(TOO_MUCH)}
    except damage as error:
        print(f"{type(error).__name__}: {error}"[:2000], file=sys.stderr)
        return {"refused": list(DAMAGED)}
