"""Real records with planted near-copies."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from disgorge_core.examples.shipped import example
from disgorge_core.types import Array, Dataset, Roles

ROOT = Path(__file__).parents[3]


def dataset(kind: str, x: object, n: int) -> Dataset:
    """Records of no label to speak of."""
    y, split = np.arange(n) % 2, (np.arange(n) % 3).astype(np.int8)
    meta, ids = pd.DataFrame({"label": y}), np.array([f"r{row}" for row in range(n)])
    return Dataset(
        "d", kind, "classification", ids, x, y, ("a", "b"), split, meta, Roles(), "0" * 64
    )


@pytest.fixture(scope="session")
def digits() -> Array:
    """500 pictures of digits, 8x8."""
    return example("digits").dataset.x[:500]


@pytest.fixture(scope="session")
def people() -> pd.DataFrame:
    """800 census records as a model reads them."""
    return example("adult").dataset.x.iloc[:800].reset_index(drop=True)


@pytest.fixture(scope="session")
def passages() -> list[str]:
    """The licence in overlapping passages of 30 words."""
    words = re.findall(r"\S+", (ROOT / "LICENSE").read_text())
    return [" ".join(words[start : start + 30]) for start in range(0, len(words) - 30, 11)]
