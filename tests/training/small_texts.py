"""Small texts: two kinds of talk, by authors of different words."""

from __future__ import annotations

import numpy as np
import pandas as pd

from disgorge_core.types import Dataset, Roles

SEA = ["ship", "sail", "harbour", "wind", "tide", "anchor", "captain", "storm"]
FARM = ["field", "plough", "barn", "harvest", "cow", "wheat", "farmer", "rain"]
COMMON = ["the", "a", "of", "and", "to", "in", "was", "with"]


def texts(n: int = 90, task: str = "classification", seed: int = 0) -> Dataset:
    """Records of 3 to 30 words about the sea (0) or the farm (1); a seventh of them for testing."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    told = [_told(rng, FARM if kind else SEA, i) for i, kind in enumerate(y)]
    values = y + rng.normal(0, 0.1, n) if task == "regression" else y.astype(np.int64)
    x = pd.DataFrame({"story": pd.Series(told, dtype="str")})
    names = ("sea", "farm") if task == "classification" else ()
    return Dataset(
        name="stories", kind="text", task=task, ids=np.array([f"r{i:04d}" for i in range(n)]),
        x=x, y=values, classes=names, split=np.where(np.arange(n) % 7 == 6, 2, 0),
        meta=x.assign(label=y), roles=Roles(text="story"), digest=f"stories {task} {n} {seed}",
    )  # fmt: skip


def _told(rng: np.random.Generator, own: list[str], number: int) -> str:
    count = int(rng.integers(3, 31))
    chosen = [rng.choice(own if rng.random() < 0.4 else COMMON) for _ in range(count)]
    return f"Story {number}: {' '.join(chosen)}."
