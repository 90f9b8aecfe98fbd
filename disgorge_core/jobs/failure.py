"""Why a task did not finish, in a sentence with a remedy."""

from __future__ import annotations

import signal
import traceback
from pathlib import Path

from disgorge_core.errors import DisgorgeError
from disgorge_core.runs.run import INTERRUPTED
from disgorge_core.store import FULL

LOG = "log.txt"
CANNOT_WRITE = 74  # exit code of a worker that could not even write down its failure
TAIL = 4000  # characters of a log that are shown
FREE = "Free some space or purge a case, then start it again."
SMALLER = "Use a smaller batch, model or dataset, or free memory, then start it again."


class NoAnswer(DisgorgeError):
    """The interactive worker gave no result; notes hold its traceback."""


def told(error: BaseException) -> dict[str, str]:
    """Problem, remedy and detail of an exception."""
    if isinstance(error, DisgorgeError):
        return {"problem": error.problem, "remedy": error.remedy, "detail": ""}
    problem, remedy = _unexpected(error)
    detail = "".join(traceback.format_exception(error))
    return {"problem": problem, "remedy": remedy, "detail": detail}


def _unexpected(error: BaseException) -> tuple[str, str]:
    # torch reports a failed allocation as a plain RuntimeError
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
        return "The machine ran out of memory.", SMALLER
    if isinstance(error, OSError) and error.errno in FULL:
        return "The disk is full.", FREE
    return (
        f"The worker stopped: {type(error).__name__}.",
        "Start it again or change its settings; the detail says where it stopped.",
    )


def ended_by(code: int | None) -> dict[str, str]:
    """Problem and remedy for a worker that ended without a word; None where its code is unknown."""
    if code is None:
        return INTERRUPTED
    again = INTERRUPTED["remedy"]
    if code == CANNOT_WRITE:
        problem = (
            "The worker could not write to the workspace, most often because the disk is full."
        )
        return {"problem": problem, "remedy": FREE}
    if code == -signal.SIGKILL:
        problem = "The worker was ended from outside, most often because memory ran out."
        return {"problem": problem, "remedy": SMALLER}
    if code < 0:
        name = signal.Signals(-code).name
        return {"problem": f"The worker crashed ({name}).", "remedy": again}
    return {"problem": f"The worker ended early with code {code}.", "remedy": again}


def log_tail(folder: Path) -> str:
    """The last lines that the worker printed."""
    try:
        return (folder / LOG).read_text(encoding="utf-8", errors="replace")[-TAIL:]
    except FileNotFoundError:
        return ""
