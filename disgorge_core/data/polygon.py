"""Which points lie inside a drawn outline."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def inside(points: ArrayLike, polygon: ArrayLike) -> NDArray[np.bool_]:
    """Even-odd test of `points` (n, 2) against the closed `polygon` (k, 2): a mask (n,).

    A point counts as inside when a ray from it to the right crosses the outline an odd number of
    times, so the overlap of an outline with itself is outside. Fewer than 3 corners hold nothing.
    """
    places, corners = _pairs(points, "points"), _pairs(polygon, "polygon")
    if not np.isfinite(corners).all():
        raise ValueError("The polygon's corners must be finite numbers.")
    answer = np.zeros(len(places), dtype=np.bool_)
    if len(corners) >= 3:
        rows = _rows_near(places, corners)
        answer[rows] = _odd_crossings(places[rows, 0], places[rows, 1], corners)
    return answer


def _pairs(values: ArrayLike, name: str) -> NDArray[np.float64]:
    pairs = np.asarray(values, dtype=np.float64)
    if pairs.size == 0:
        return pairs.reshape(0, 2)
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise ValueError(f"Expected {name} of shape (n, 2), got {pairs.shape}.")
    return pairs


def _rows_near(points: NDArray[np.float64], corners: NDArray[np.float64]) -> NDArray[np.intp]:
    """Rows in the outline's bounding box, from low to high y."""
    low, high = corners.min(axis=0), corners.max(axis=0)
    x, y = points[:, 0], points[:, 1]
    rows = np.flatnonzero((x >= low[0]) & (x <= high[0]) & (y >= low[1]) & (y <= high[1]))
    return rows[np.argsort(y[rows])]


def _odd_crossings(
    x: NDArray[np.float64], y: NDArray[np.float64], corners: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """For points sorted by y: does the ray to the right cross an odd number of edges?

    An edge owns its lower end and not its upper one, so a ray through a corner is counted once and
    a horizontal edge never. The sides are compared as a product, without a division to round.
    """
    odd = np.zeros(len(x), dtype=np.bool_)
    ends = np.roll(corners, -1, axis=0)
    rising = (corners[:, 1] <= ends[:, 1])[:, None]
    below, above = np.where(rising, corners, ends), np.where(rising, ends, corners)
    first, last = np.searchsorted(y, below[:, 1]), np.searchsorted(y, above[:, 1])
    for (x0, y0), (x1, y1), start, stop in zip(below, above, first, last, strict=True):
        if start < stop:
            span = slice(start, stop)
            odd[span] ^= (x[span] - x0) * (y1 - y0) < (y[span] - y0) * (x1 - x0)
    return odd
