"""Arrays of numbers → pixels 0..255 on the disk, some pictures after others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from disgorge_core.data.reading.limits import Room
from disgorge_core.data.reading.npz_arrays import Stored
from disgorge_core.data.reading.picture_file import PictureFile, Pixels
from disgorge_core.errors import BadData

FIRST = "The channels stood before height and width; they were put last."
SCALED = "Values from 0 to 1 became pixels from 0 to 255."
ROUNDED = "Values from 0 to 255 became whole numbers."


def write_arrays(arrays: Sequence[Stored], room: Room) -> list[str]:
    """Write pictures (n, h, w[, c]) to the room, and give notes on what was changed; raises BadData."""
    first = _channels_first(arrays[0])
    scale, notes = _scale(arrays)
    height, width, channels = _shape(arrays[0], first)
    count = sum(array.shape[0] for array in arrays)
    with PictureFile(room, (count, height, width, channels)) as out:
        for array in arrays:
            for block in array.blocks():
                moved = np.moveaxis(block, 1, -1) if first else block
                out.write(_pixels(moved, scale).reshape(-1, height, width, channels))
    return [*notes, FIRST] if first else notes


def _channels_first(array: Stored) -> bool:
    shape = array.shape
    return len(shape) == 4 and shape[-1] not in (1, 3) and shape[1] in (1, 3)


def _shape(array: Stored, first: bool) -> tuple[int, int, int]:
    """Height, width and channels of a picture."""
    height, width, *channels = array.shape[1:]
    if first:
        return width, channels[0], height
    return height, width, channels[0] if channels else 1


def _scale(arrays: Sequence[Stored]) -> tuple[float, list[str]]:
    """What one step of the values is in pixels, by their whole range; raises BadData."""
    if all(array.dtype == np.uint8 for array in arrays):
        return 1.0, []
    low, high = _range(arrays)
    if not (low >= 0 and high <= 255):
        raise BadData(
            f"The values of the pictures run from {low:g} to {high:g}.",
            "Use whole numbers from 0 to 255, or numbers from 0 to 1.",
        )
    if high <= 1:
        return 255.0, [SCALED]
    return 1.0, [ROUNDED] if any(array.dtype.kind == "f" for array in arrays) else []


def _range(arrays: Sequence[Stored]) -> tuple[float, float]:
    """Lowest and highest value; NaN where there is one."""
    ends = [
        (float(end(block)) for end in (np.min, np.max))
        for array in arrays
        for block in array.blocks()
    ]
    lows, highs = zip(*ends, strict=True) if ends else ((0.0,), (0.0,))
    return float(np.min(lows)), float(np.max(highs))


def _pixels(block: npt.NDArray[Any], scale: float) -> Pixels:
    if block.dtype == np.uint8:
        return block
    return np.rint(block.astype(np.float64) * scale).astype(np.uint8)
