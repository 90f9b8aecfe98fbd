"""What a command says: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import math
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from disgorge_core.errors import DisgorgeError
from disgorge_core.types import Progress, Report
from disgorge_core.words import duration

PLAIN_EVERY = 10.0  # seconds between two lines where no terminal shows one that changes
PLAIN_STEP = 0.25  # of the work, the same
BAR = 24  # characters


class Voice:
    """Progress, notes and results of one command."""

    def __init__(self, *, quiet: bool = False, as_json: bool = False) -> None:
        self._quiet, self._json = quiet, as_json
        self._open = False  # whether an unfinished line stands on the terminal

    def note(self, text: str) -> None:
        """A line for the user, unless quiet."""
        if not self._quiet:
            self._line(text)

    def problem(self, error: DisgorgeError | str) -> None:
        """The one sentence about what went wrong."""
        self._line(str(error))

    def prompt(self, text: str) -> None:
        """A question, on the line on which it is answered."""
        self.end_line()
        _put(sys.stderr, clean(text))

    def result(self, values: Mapping[str, Any], lines: Sequence[str]) -> None:
        """The result: the values as JSON where that was asked for, else the lines."""
        self.end_line()
        text = json.dumps(plain(values), indent=1) if self._json else "\n".join(map(clean, lines))
        print(text, flush=True)

    def report(self, what: str) -> Report:
        """A report that shows how far a piece of work is."""
        if self._quiet:
            return lambda _: None
        show = _Live(self, what) if sys.stderr.isatty() else _Plain(self, what)
        return show.hear

    def overwrite(self, text: str) -> None:
        """Put this in place of the unfinished line."""
        width = shutil.get_terminal_size().columns - 1
        _put(sys.stderr, f"\r\x1b[K{clean(text)[:width]}")
        self._open = True

    def end_line(self) -> None:
        """Leave the unfinished line, if there is one, as it is."""
        if self._open:
            _put(sys.stderr, "\n")
        self._open = False

    def _line(self, text: str) -> None:
        self.end_line()
        _put(sys.stderr, f"{clean(text)}\n")


class _Live:
    """One line that changes, on a terminal."""

    def __init__(self, voice: Voice, what: str) -> None:
        self._voice, self._what, self._began = voice, what, time.monotonic()

    def hear(self, p: Progress) -> None:
        done = "#" * round(BAR * p.share)
        left = _left(self._began, p.share)
        said = f"{self._what}  [{done:<{BAR}}] {p.share:4.0%}  {p.message}{left}"
        self._voice.overwrite(said)
        if p.share >= 1:
            self._voice.end_line()


class _Plain:
    """A line now and then, for logs."""

    def __init__(self, voice: Voice, what: str) -> None:
        self._voice, self._what, self._began = voice, what, time.monotonic()
        self._last, self._share = self._began, -1.0

    def hear(self, p: Progress) -> None:
        now = time.monotonic()
        due = now - self._last >= PLAIN_EVERY or p.share - self._share >= PLAIN_STEP
        if not due and not (p.share >= 1 > self._share):
            return
        self._last, self._share = now, p.share
        message = f", {p.message}" if p.message else ""
        self._voice.note(f"{self._what}: {p.share:.0%}{message}{_left(self._began, p.share)}")


def _left(began: float, share: float) -> str:
    spent = time.monotonic() - began
    if spent < 2 or not 0.02 <= share < 1:
        return ""
    return f", about {duration(spent * (1 - share) / share)} left"


def clean(text: str) -> str:
    """One line without control characters: names in a dataset may hold those of a terminal."""
    return "".join(c if c.isprintable() else " " for c in text)


def shown(value: float, share: bool) -> str:
    """A share in percent, another number to four digits."""
    return f"{100 * value:.1f} %" if share else f"{value:.4g}"


def plain(value: Any) -> Any:
    """A value as JSON can hold it; what is not a finite number becomes null."""
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _put(stream: TextIO, text: str) -> None:
    stream.write(text)
    stream.flush()
