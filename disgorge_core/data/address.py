"""A dataset's digest: of what it holds, whatever file, column type or category order it came from."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from disgorge_core.types import Array, Dataset, digest_of


def addressed(data: Dataset) -> Dataset:
    """The dataset with its own digest."""
    return replace(data, digest=digest(data))


def digest(data: Dataset) -> str:
    """SHA-256 over kind, task, roles, classes, ids, targets, splits, records and metadata."""
    head = [data.kind, data.task, list(data.classes), asdict(data.roles)]
    sha = hashlib.sha256(digest_of(head).encode())
    for part in (_texts(data.ids), _numbers(data.y), data.split.astype(np.int8).tobytes()):
        sha.update(hashlib.sha256(part).digest())
    sha.update(_table(data.x) if isinstance(data.x, pd.DataFrame) else _array(data.x))
    sha.update(_table(data.meta))
    return sha.hexdigest()


def _array(x: Array) -> bytes:
    head = digest_of([str(x.dtype), list(x.shape)])
    return hashlib.sha256(head.encode() + np.ascontiguousarray(x).tobytes()).digest()


def _table(table: pd.DataFrame) -> bytes:
    sha = hashlib.sha256()
    for name in table.columns:
        sha.update(hashlib.sha256(str(name).encode()).digest())
        sha.update(hashlib.sha256(_column(table[name])).digest())
    return sha.digest()


def _column(values: pd.Series) -> bytes:
    if pd.api.types.is_bool_dtype(values):
        return b"flag" + _numbers(values.to_numpy(dtype=np.float64, na_value=np.nan))
    if pd.api.types.is_numeric_dtype(values):
        return b"number" + _numbers(values.to_numpy(dtype=np.float64, na_value=np.nan))
    return b"text" + _texts(values)


def _numbers(values: Array) -> bytes:
    """Canonical: one NaN, one zero."""
    numbers = values.astype(np.float64) + 0.0
    numbers[np.isnan(numbers)] = np.nan
    return numbers.tobytes()


def _texts(values: Any) -> bytes:
    """Canonical: which are missing, the lengths in bytes, then all the bytes."""
    texts = pa.array(values, from_pandas=True)
    texts = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    texts = texts.cast(pa.large_string())
    missing = texts.is_null().to_numpy(zero_copy_only=False)
    texts = texts.fill_null("")
    _, places, content = texts.buffers()
    ends = np.frombuffer(places, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    letters = b"" if content is None else content.to_pybytes()[ends[0] : ends[-1]]
    return missing.tobytes() + np.diff(ends).tobytes() + letters
