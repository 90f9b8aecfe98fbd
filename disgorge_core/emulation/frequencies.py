"""Pictures as few numbers and back: their lowest frequencies, the same for all records.

The discrete cosine transform (Ahmed, Natarajan and Rao 1974): waves a_u cos(π (2y + 1) u / 2H) down and
across, orthonormal, so lengths stay as they are and nothing has to be learnt from the records.
"""

from __future__ import annotations

import numpy as np

from disgorge_core.types import Array


def waves(shape: tuple[int, ...], count: int) -> Array:
    """The lowest frequencies of pictures (height, width, channels) as columns (pixels, at most `count`)."""
    height, width, channels = shape
    down, across = np.indices((height, width)).reshape(2, -1)
    far = (down / height) ** 2 + (across / width) ** 2
    order = np.argsort(np.repeat(far, channels), kind="stable")[:count]
    spot, channel = np.divmod(order, channels)
    flat = _cosines(height)[:, None, down[spot]] * _cosines(width)[None, :, across[spot]]
    whole = flat[:, :, None] * (np.arange(channels)[:, None] == channel)
    return whole.reshape(height * width * channels, len(order))


def _cosines(n: int) -> Array:
    """Wave u in column u, (n, n), orthonormal."""
    at, u = np.arange(n)[:, None], np.arange(n)
    return np.sqrt(np.where(u == 0, 1, 2) / n) * np.cos(np.pi * (2 * at + 1) * u / (2 * n))
