"""The mean of score matrices that come one after another, and its standard error."""

from __future__ import annotations

import numpy as np

from disgorge_core.types import Array


class Several:
    """Sums over matrices of one shape; after Welford (1962), so that large means lose no digits."""

    def __init__(self) -> None:
        self.count = 0
        self._mean: Array = np.zeros(())
        self._squares: Array = np.zeros(())

    def add(self, matrix: Array) -> None:
        """One more matrix."""
        self.count += 1
        apart = matrix - self._mean
        self._mean = self._mean + apart / self.count
        self._squares = self._squares + apart * (matrix - self._mean)

    @property
    def mean(self) -> Array:
        """Mean of the matrices so far."""
        return self._mean

    @property
    def error(self) -> Array | None:
        """Standard error of the mean; None for a single matrix."""
        if self.count < 2:
            return None
        return np.asarray(np.sqrt(self._squares / (self.count - 1) / self.count))
