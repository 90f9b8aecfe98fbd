"""Records that are the same to the last bit, whatever they are called."""

from __future__ import annotations

import numpy as np
import pandas as pd

from disgorge_core.types import Dataset


def exact_duplicates(data: Dataset) -> int:
    """How many records have at least one other record with the same raw content; labels may differ."""
    if isinstance(data.x, pd.DataFrame):
        return int(data.x.duplicated(keep=False).sum())
    flat = np.ascontiguousarray(data.x).reshape(len(data), -1)
    hashes = pd.Series([record.tobytes() for record in flat])
    return int(hashes.duplicated(keep=False).sum())
