"""A table with a column of each kind."""

from __future__ import annotations

import numpy as np
import pandas as pd


def people(n: int = 200) -> pd.DataFrame:
    """Ids, owners, numbers, categories, missing values, flags, prose, dates and a label."""
    pick = np.arange(n)
    return pd.DataFrame(
        {
            "person_id": [f"P{i:04d}" for i in pick],
            "artist": [f"Artist {i % 7}" for i in pick],
            "age": np.where(pick % 9 == 0, np.nan, 20.0 + pick % 50),
            "score": np.random.default_rng(0).normal(size=n),
            "town": [None if i % 11 == 0 else ["York", "Bonn", "Rome"][i % 3] for i in pick],
            "member": pick % 4 == 0,
            "story": [f"once upon a time {i}" for i in pick],
            "born": pd.to_datetime("2000-01-01") + pd.to_timedelta(pick, "D"),
            "income": [["low", "high"][i % 2] for i in pick],
        }
    )
