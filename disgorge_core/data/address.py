"""A dataset's digest: of what it holds, whatever file, column type or category order it came from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from disgorge_core.types import Array, Dataset, digest_of

Buffer = bytes | memoryview
ROWS = 2**16  # numbers that are held at once
MOST_TEXTS = 2**20  # that are held at once
BLOCK = 2**24  # bytes of pictures that are held at once


def addressed(data: Dataset) -> Dataset:
    """The dataset with its own digest."""
    return replace(data, digest=digest(data))


def digest(data: Dataset) -> str:
    """SHA-256 over kind, task, roles, classes, ids, targets, splits, records and metadata."""
    head = [data.kind, data.task, list(data.classes), asdict(data.roles)]
    sha = hashlib.sha256(digest_of(head).encode())
    for part in (_texts(data.ids), _numbers(data.y), [data.split.astype(np.int8).tobytes()]):
        sha.update(_digest(part))
    sha.update(_table(data.x) if isinstance(data.x, pd.DataFrame) else _array(data.x))
    sha.update(_table(data.meta))
    return sha.hexdigest()


def _digest(parts: Iterable[Buffer]) -> bytes:
    sha = hashlib.sha256()
    for part in parts:
        sha.update(part)
    return sha.digest()


def _array(x: Array) -> bytes:
    head = digest_of([str(x.dtype), list(x.shape)]).encode()
    step = max(1, BLOCK // max(1, x[:1].nbytes))
    blocks = (np.ascontiguousarray(x[i : i + step]).data for i in range(0, len(x), step))
    return _digest(chain([head], blocks))


def _table(table: pd.DataFrame) -> bytes:
    names_and_columns = (
        part
        for name in table.columns
        for part in (_digest([str(name).encode()]), _digest(_column(table[name])))
    )
    return _digest(names_and_columns)


def _column(values: pd.Series) -> Iterator[Buffer]:
    if pd.api.types.is_bool_dtype(values):
        return chain([b"flag"], _numbers(values.to_numpy(dtype=np.float64, na_value=np.nan)))
    if pd.api.types.is_numeric_dtype(values):
        return chain([b"number"], _numbers(values.to_numpy(na_value=np.nan)))
    return chain([b"text"], _texts(values))


def _numbers(values: Array) -> Iterator[Buffer]:
    """Canonical: one NaN, one zero."""
    for start in range(0, len(values), ROWS):
        numbers = values[start : start + ROWS].astype(np.float64) + 0.0
        numbers[np.isnan(numbers)] = np.nan
        yield numbers.data


def _texts(values: Any) -> Iterator[Buffer]:
    """Canonical: which are missing, the lengths in bytes, then all the bytes."""
    if len(values) <= MOST_TEXTS:
        texts = _arrow(values)
        yield from (part(texts) for part in (_missing, _lengths, _letters))
        return
    for part in (_missing, _lengths, _letters):
        for start in range(0, len(values), MOST_TEXTS):
            yield part(_arrow(values[start : start + MOST_TEXTS]))


def _arrow(values: Any) -> pa.Array:
    texts = pa.array(values, from_pandas=True)
    texts = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    return texts.cast(pa.large_string())


def _missing(texts: pa.Array) -> Buffer:
    return texts.is_null().to_numpy(zero_copy_only=False).data


def _lengths(texts: pa.Array) -> Buffer:
    return np.diff(_ends(texts.fill_null(""))).data


def _letters(texts: pa.Array) -> Buffer:
    filled = texts.fill_null("")
    ends, content = _ends(filled), filled.buffers()[2]
    return b"" if content is None else memoryview(content)[ends[0] : ends[-1]]


def _ends(texts: pa.Array) -> Array:
    return np.frombuffer(texts.buffers()[1], np.int64)[texts.offset : texts.offset + len(texts) + 1]
