"""Small things that several tasks share."""

from __future__ import annotations

from disgorge_core.types import Progress, Report


def part(report: Report, low: float, high: float, message: str = "") -> Report:
    """A report that fills only a part of the bar; a `message` stands before what it says."""

    def within(p: Progress) -> None:
        said = f"{message}: {p.message}" if message and p.message else message or p.message
        report(Progress(low + (high - low) * p.share, said, {} if message else p.figures))

    return within
