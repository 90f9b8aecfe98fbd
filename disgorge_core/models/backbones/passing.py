"""Many records through a backbone: a few here, to see how long one takes, the rest on all cores if worth it.

Each record passes alone at one thread, so that it does not matter where. The very first is not timed: the
network is built for it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from disgorge_core import compute
from disgorge_core.types import Array, Progress, Report

TIMED = 8  # records whose time is taken
STRETCH, LONGEST = 512, 20.0  # a stretch is kept when it is done: records and seconds of it at most
WORTH = 40.0  # seconds of work left for which starting processes pays
MOST_NUMBERS = 10**9  # of all copies of the network together


class Passable(Protocol):
    """A backbone, as far as this is concerned."""

    @property
    def numbers(self) -> int:
        """How many numbers its network is."""
        ...

    @property
    def said(self) -> str:
        """What it is called while it works."""
        ...

    def one(self, record: Any) -> Array:
        """Features (width,) of one record."""
        ...


@dataclass(frozen=True, eq=False)
class _Parcel:
    """Some records on their way to another process."""

    backbone: Passable
    records: list[Any]


_HELD: list[Passable] = []  # in a worker process: the network stays built for the next parcel


def stretches(
    backbone: Passable, records: Sequence[Any], report: Report
) -> Iterator[tuple[slice, Array]]:
    """Features of all records, stretch after stretch, with the places that they are for."""
    done, size, crew = 0, 1, 1
    while done < len(records):
        part = slice(done, min(done + size * crew, len(records)))
        tell = _teller(report, backbone.said, done, len(records))
        began = time.monotonic()
        yield part, _passed(backbone, list(records[part]), crew, tell)
        if done == 0:
            size = TIMED
        elif done == 1:
            each = (time.monotonic() - began) / (part.stop - part.start)
            size = int(np.clip(LONGEST / max(each, 1e-6), 1, STRETCH))
            crew = _crew(backbone, each * (len(records) - part.stop))
        done = part.stop


def _crew(backbone: Passable, seconds: float) -> int:
    """How many processes the work is worth."""
    if seconds < WORTH:
        return 1
    return max(1, min(compute.cores(), MOST_NUMBERS // max(1, backbone.numbers)))


Tell = Callable[[float], None]


def _teller(report: Report, said: str, done: int, count: int) -> Tell:
    """Says how many records have passed of all."""

    def tell(passed: float) -> None:
        now = done + passed
        report(
            Progress(min(1.0, now / count), f"record {int(now):,} of {count:,} through the {said}")
        )

    return tell


def _passed(backbone: Passable, records: list[Any], crew: int, tell: Tell) -> Array:
    cuts = np.array_split(np.arange(len(records)), min(crew, len(records)))
    parcels = [_Parcel(backbone, [records[i] for i in cut]) for cut in cuts]
    shares = [0.0] * len(parcels)

    def hear(index: int, progress: Progress) -> None:
        shares[index] = max(shares[index], progress.share)
        tell(sum(s * len(p.records) for s, p in zip(shares, parcels, strict=True)))

    return np.concatenate(compute.map(_through, parcels, workers=crew, on_progress=hear))


def _through(parcel: _Parcel, report: Report) -> Array:
    if "DISGORGE_WORKER" in os.environ:
        _HELD[:] = [parcel.backbone]
    rows = []
    with compute.threads(1):
        for number, record in enumerate(parcel.records):
            report(Progress(number / len(parcel.records)))
            rows.append(parcel.backbone.one(record))
    return np.stack(rows)
