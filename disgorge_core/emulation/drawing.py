"""Made-up records like given ones: pictures and tables, by Gaussians or by counts of columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from disgorge_core.data.preprocessing import encode_table
from disgorge_core.emulation import gaussian, marginals
from disgorge_core.emulation.encoded import Space, space_of
from disgorge_core.emulation.frequencies import waves
from disgorge_core.emulation.standing_in import Made
from disgorge_core.types import Array, Preprocessing


@dataclass(frozen=True, eq=False)
class Drawing:
    """How records are drawn: `times` as many, in what detail, and the chance that draws them.

    `noise` is the noise multiplier of the fit, with chance `hide`; 0 fits exactly, to each class its own
    covariance. Records are clipped to `clip` √d where there is noise.
    """

    classes: int
    draw: np.random.Generator
    hide: np.random.Generator
    noise: float = 0.0
    times: float = 1.0
    detail: int = 64
    clip: float = 1.0

    def pictures(self, x: Array, y: Array) -> Made:
        """Pictures like x (n, height, width, channels), by a Gaussian of their lowest frequencies."""
        space = space_of("image", x)
        basis = waves(space.shape, self.detail)
        z, own = self.vectors((2 * space.encode(x) - 1) @ basis, y, len(basis))
        return Made(space.decode((z @ basis.T + 1) / 2), own)

    def table(self, x: pd.DataFrame, y: Array, read: Preprocessing) -> Made:
        """Rows like x in the columns that are read, in units of their shift and scale."""
        columns = read.columns
        space = Space("table", (), columns, tuple(str(x[c.name].dtype) for c in columns))
        z = encode_table(x, columns)
        if all(column.values is None for column in columns):
            units = np.nan_to_num((z - read.shift) * read.scale)
            drawn, own = self.vectors(units, y, len(columns))
            return Made(space.decode(drawn / read.scale + read.shift), own)
        found = marginals.counts_of(z, y, self.classes, read)
        if self.noise:
            found = marginals.released(found, self.noise, self.hide)
        drawn, own = marginals.drawn(found, read, self.times, self.draw)
        return Made(space.decode(drawn), own)

    def vectors(self, z: Array, y: Array, size: int) -> tuple[Array, Array]:
        """Vectors like z (n, d), of records of `size` numbers, and their classes."""
        length = self.clip * np.sqrt(size)
        if self.noise:
            z = gaussian.clipped(z, length)
        found = gaussian.sums_of(z, y, self.classes, shared=self.noise > 0)
        if self.noise:
            found = gaussian.released(found, length, self.noise, self.hide)
        return gaussian.drawn(found, self.times, self.draw)
