"""What the limited process does with scikit-learn: no object of it leaves, only numbers or a file.

Only that process imports this module, and with it scikit-learn, before it gives up what no reader needs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from disgorge_core.limited.refusal import DAMAGE, answered
from disgorge_core.models.scikit.archive import ABOUT, ARRAYS, MADE, loaded
from disgorge_core.models.scikit.build import write
from disgorge_core.models.scikit.estimators import described

BROKEN = (*DAMAGE, TypeError, AttributeError, RuntimeError, ImportError, ArithmeticError)


def _bring() -> None:
    import pandas
    import skops.io
    from sklearn import compose, impute, linear_model, neural_network, pipeline, preprocessing

    del pandas, skops, compose, impute, linear_model, neural_network, pipeline, preprocessing


_bring()


def read(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What the pipeline of a skops file computes: plain values, and arrays beside them."""

    def work() -> dict[str, Any]:
        about, arrays = described(loaded(Path(asked["path"]), asked["limits"]["file"]))
        np.savez(Path(asked["folder"]) / ARRAYS, allow_pickle=False, **arrays)
        return about

    return answered(work, BROKEN)


def build(asked: Mapping[str, Any]) -> dict[str, Any]:
    """A skops file from such values (in the file `path`) and arrays."""

    def work() -> dict[str, Any]:
        folder = Path(asked["folder"])
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
            write(about, dict(arrays), folder / MADE)
        return {}

    return answered(work, BROKEN)
