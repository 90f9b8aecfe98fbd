"""Every file that a user can take out of a case, read back by pandas and compared with what went in."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from disgorge_core import exports
from disgorge_core.comparison import Comparison
from disgorge_core.data import forget_set
from disgorge_core.types import SPLITS, Array, Dataset
from tests.contracts.walk import Bench


def taken_out(b: Bench) -> None:
    """Retain set, forget set and per-record results as files, read back by pandas."""
    place = b.desk.folder / "out"
    c = Comparison.from_arrays(b.removed.arrays)
    kept, gone = np.flatnonzero(~b.gone), np.flatnonzero(b.gone)
    for suffix in exports.SUFFIXES:
        exports.write_records(b.data, kept, place / f"kept{suffix}")
        _same_records(_read(place / f"kept{suffix}"), b.data, kept)
        exports.write_forget(b.data, b.desk.forget(b.fid), place / f"gone{suffix}")
        _same_records(_read(place / f"gone{suffix}"), b.data, gone)
        exports.write_comparison(c, b.data, place / f"each{suffix}")
        _same_results(_read(place / f"each{suffix}"), c, b.data)
    exports.write_forget(b.data, b.desk.forget(b.fid), place / "gone.json")
    assert asdict(forget_set.load(place / "gone.json")) == asdict(b.desk.forget(b.fid))


def _read(path: Path) -> pd.DataFrame:
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


def _same_records(found: pd.DataFrame, data: Dataset, rows: Array) -> None:
    assert found["id"].astype(str).tolist() == data.ids[rows].astype(str).tolist()
    assert found["split"].tolist() == [SPLITS[code] for code in data.split[rows]]
    label = data.roles.label
    if data.task == "regression":
        np.testing.assert_allclose(found[label], data.y[rows], rtol=1e-6)
    else:
        assert found[label].astype(str).tolist() == [data.classes[k] for k in data.y[rows]]
    if isinstance(data.x, pd.DataFrame):
        for name in data.x.columns:
            same_cells(found[name], data.x[name].iloc[rows])


def same_cells(found: pd.Series, expected: pd.Series) -> None:
    """Equal values, missing where the others are."""
    missing = expected.isna().to_numpy()
    np.testing.assert_array_equal(found.isna(), missing)
    if pd.api.types.is_numeric_dtype(expected):
        np.testing.assert_allclose(found[~missing].astype(float), expected[~missing], rtol=1e-6)
    else:
        assert found[~missing].tolist() == expected[~missing].astype(str).tolist()


def _same_results(found: pd.DataFrame, c: Comparison, data: Dataset) -> None:
    assert found["id"].astype(str).tolist() == data.ids.astype(str).tolist()
    if data.task == "regression":
        np.testing.assert_allclose(found["before"], c.before[:, 0], rtol=1e-5)
        np.testing.assert_allclose(found["after"], c.after[:, 0], rtol=1e-5)
        return
    said = np.array(data.classes)[c.after.argmax(1)]
    assert found["predicted after"].astype(str).tolist() == said.tolist()
    odds = np.exp(c.after - c.after.max(1, keepdims=True))
    own = (odds / odds.sum(1, keepdims=True))[np.arange(len(data)), data.y]
    np.testing.assert_allclose(found["label after"], own, rtol=1e-4, atol=1e-6)
