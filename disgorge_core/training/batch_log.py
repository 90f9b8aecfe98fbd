"""The log of a training in stages, as arrays: how many records came in each, and how many each batch took.

Who they were is not written: an epoch visits records in the order of a hash of seed, epoch and id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from disgorge_core.training.order import by_key, epoch_order
from disgorge_core.types import Array, Dataset

DATASET, ARRIVED, STEPS, BATCHES = (f"log/{n}" for n in ("dataset", "arrived", "steps", "batches"))
PARTS = (DATASET, ARRIVED, STEPS, BATCHES)
Log = Sequence[Array]  # records of each batch, for each epoch


def written(dataset: str, arrived: Array, logs: Sequence[Log]) -> dict[str, Array]:
    """A log as artefacts."""
    return {
        DATASET: np.frombuffer(dataset.encode(), dtype=np.uint8),
        ARRIVED: np.asarray(arrived, dtype=np.int64),
        STEPS: np.array([sum(map(len, log)) for log in logs], dtype=np.int64),
        BATCHES: np.concatenate([sizes for log in logs for sizes in log]).astype(np.int32),
    }


def adds_up(found: Mapping[str, Array], epochs: Sequence[int]) -> bool:
    """Whether each epoch of each stage took as many records as had come."""
    steps = found[STEPS]
    if (
        len(steps) != len(epochs)
        or steps.sum() != len(found[BATCHES])
        or (steps % np.array(epochs)).any()
    ):
        return False
    came = np.cumsum(found[ARRIVED])
    return all(
        int(s.sum()) == n for log, n in zip(read(found, epochs), came, strict=True) for s in log
    )


def read(found: Mapping[str, Array], epochs: Sequence[int]) -> list[Log]:
    """The sizes of the batches by stage and epoch."""
    stages = np.split(found[BATCHES], np.cumsum(found[STEPS])[:-1])
    return [np.split(stage, e) for stage, e in zip(stages, epochs, strict=True)]


def without(log: Log, data: Dataset, so_far: Array, gone: Array, seed: int) -> Log:
    """The batches of a stage that read the records so far (n,), without those gone (n,)."""
    rows = by_key(data.keys, np.flatnonzero(so_far))
    found = []
    for epoch, sizes in enumerate(log):
        order = rows[epoch_order(data.keys[rows], seed, epoch)]
        left = np.concatenate([[0], np.cumsum(~gone[order])])
        found.append(np.diff(left[np.concatenate([[0], np.cumsum(sizes)])]).astype(np.int32))
    return found
