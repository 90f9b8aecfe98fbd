"""Small benches with known margins: two classes, so that logits (m, 0) are the margins themselves."""

from __future__ import annotations

import numpy as np
import pandas as pd

from disgorge_core.audit.bench import KEPT, REMOVED, TEST, Bench
from disgorge_core.types import Dataset, Marks, Roles

SIZES = {REMOVED: 30, KEPT: 60, TEST: 60}


def dataset(task: str = "classification") -> Dataset:
    """Records whose labels are all 0, so that the first logit minus the second is the margin."""
    n = sum(SIZES.values())
    y = np.zeros(n, np.int64) if task == "classification" else np.linspace(-1, 1, n)
    return Dataset(
        name="bench", kind="table", task=task, ids=np.arange(n).astype(str),
        x=pd.DataFrame({"a": np.arange(n, dtype=float)}), y=y,
        classes=("0", "1") if task == "classification" else (), split=np.zeros(n, np.int8),
        meta=pd.DataFrame({"label": y}), roles=Roles(), digest="bench",
    )  # fmt: skip


def sets() -> dict[str, np.ndarray]:
    """Masks of removed, kept and test records, one after the other."""
    names = np.repeat(list(SIZES), list(SIZES.values()))
    return {name: names == name for name in SIZES}


def bench(
    judged: dict[str, np.ndarray], references: np.ndarray, twins: np.ndarray | None = None, **marks
) -> Bench:
    """A bench from margins (m,) and (N, m)."""
    none = np.zeros((0, len(next(iter(judged.values())))))
    data = dataset()
    return Bench(
        data=data, rows=np.arange(len(data)), sets=sets(),
        judged={who: as_logits(m) for who, m in judged.items()}, references=as_logits(references),
        twins=as_logits(none if twins is None else twins), marks=Marks(**marks),
    )  # fmt: skip


def as_logits(margins: np.ndarray) -> np.ndarray:
    return np.stack([margins, np.zeros_like(margins)], axis=-1)


def drawn(count: int, trace: float, seed: int, spread: float = 1.0) -> np.ndarray:
    """Margins (count, m) of models: the same mean for all, `trace` added on removed records."""
    rng = np.random.default_rng(seed)
    m = sum(SIZES.values())
    mean = np.random.default_rng(99).normal(2, 3, m) + trace * sets()[REMOVED]
    return mean + spread * rng.normal(size=(count, m))
