"""A dataset object around arrays, for tests of influence, features and explanations."""

import numpy as np
import pandas as pd

from disgorge_core.types import Dataset, Roles


def dataset_of(x, y, split=None, task="classification", classes=None):
    n = len(y)
    if classes is None:
        classes = int(y.max()) + 1 if task == "classification" else 0
    return Dataset(
        name="made here",
        kind="table" if isinstance(x, pd.DataFrame) else "image",
        task=task,
        ids=np.array([f"r{i}" for i in range(n)]),
        x=x,
        y=np.asarray(y),
        classes=tuple(map(str, range(classes))),
        split=np.zeros(n, dtype=np.int64) if split is None else split,
        meta=pd.DataFrame({"label": y}),
        roles=Roles(),
        digest=f"test{n}",
    )
