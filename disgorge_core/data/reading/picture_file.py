"""Pictures of many records as one array on disk, written some after others."""

from __future__ import annotations

from types import TracebackType

import numpy as np
import numpy.typing as npt

from disgorge_core.data.reading.limits import Room
from disgorge_core.errors import BadData

Pixels = npt.NDArray[np.uint8]
MOST_SIDE = 1024


class PictureFile:
    """pictures.npy of a room, uint8 (n, height, width, channels), open for writing."""

    def __init__(self, room: Room, shape: tuple[int, int, int, int]) -> None:
        """Raises BadData if the pictures would be too large."""
        count, height, width, channels = shape
        if not (0 < height <= MOST_SIDE and 0 < width <= MOST_SIDE and channels in (1, 3)):
            raise BadData(
                f"The pictures are {width:,} x {height:,} with {channels:,} channels.",
                f"Use up to {MOST_SIDE:,} x {MOST_SIDE:,} with 1 (grey) or 3 (colour).",
            )
        size = count * height * width * channels
        if size > room.limits.disk // 2:
            raise BadData(
                f"The pictures need {size / 2**30:,.0f} GB.", "Make them smaller or fewer."
            )
        self._room, self._shape, self._written = room, shape, 0

    def __enter__(self) -> PictureFile:
        self._file = self._room.pictures.open("wb")
        head = {"descr": "|u1", "fortran_order": False, "shape": self._shape}
        np.lib.format.write_array_header_1_0(self._file, head)
        return self

    def write(self, pixels: Pixels) -> None:
        """The next pictures (m, height, width, channels), or one without the first axis."""
        some = pixels if pixels.ndim == 4 else pixels[None]
        if some.dtype != np.uint8 or some.shape[1:] != self._shape[1:]:
            raise ValueError(f"pictures {some.shape} of {some.dtype} in a file of {self._shape}")
        self._file.write(np.ascontiguousarray(some).data)
        self._written += len(some)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._file.close()
        if error is None and self._written != self._shape[0]:
            raise ValueError(f"{self._written} of {self._shape[0]} pictures were written")
