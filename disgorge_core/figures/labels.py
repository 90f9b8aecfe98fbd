"""Places for the names of marks in a chart, so that no name lies on another or on a mark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

LETTER, LINE, GAP = 6.2, 17.0, 4.0  # pixels, for letters of 12 pixels


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels, from the lower left."""

    left: float
    low: float
    right: float
    high: float

    def meets(self, other: Box) -> bool:
        """Whether the two overlap."""
        across = self.left < other.right and other.left < self.right
        return across and self.low < other.high and other.low < self.high

    def inside(self, other: Box) -> bool:
        """Whether this one lies within the other."""
        across = other.left <= self.left and self.right <= other.right
        return across and other.low <= self.low and self.high <= other.high


def placed(marks: Sequence[Box], names: Sequence[str], frame: Box) -> list[Box | None]:
    """A box for each name near its mark, the first that is free; None where there is no room."""
    taken = list(marks)
    found: list[Box | None] = []
    for mark, name in zip(marks, names, strict=True):
        free = (
            box
            for box in _candidates(mark, LETTER * len(name))
            if box.inside(frame) and not any(box.meets(other) for other in taken)
        )
        box = next(free, None)
        found.append(box)
        if box is not None:
            taken.append(box)
    return found


def _candidates(mark: Box, width: float) -> Iterator[Box]:
    """Above and below, centred, then beside the mark, then further away."""
    middle, centre = (mark.left + mark.right) / 2, (mark.low + mark.high) / 2
    lefts = (middle - width / 2, mark.left, mark.right - width)
    for step in range(3):
        for low in (mark.high + GAP + step * LINE, mark.low - GAP - (step + 1) * LINE):
            for left in lefts:
                yield Box(left, low, left + width, low + LINE)
        if step == 0:
            for left in (mark.right + GAP, mark.left - GAP - width):
                yield Box(left, centre - LINE / 2, left + width, centre + LINE / 2)
