"""A table as one Arrow file that stays on the disk: its columns are views of the memory-mapped file.

Numbers and the codes of categories lie as they are, so that nothing is copied when they are read; a
missing number is NaN, a missing category -1.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

CATEGORIES = b"categories"  # in the metadata of a column of codes


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a new file; a table without columns is none."""
    columns = [_column(table[name]) for name in table.columns]
    if not columns:
        return
    fields = [field.with_name(str(name)) for (_, field), name in zip(columns, table, strict=True)]
    batch = pa.record_batch([array for array, _ in columns], schema=pa.schema(fields))
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, batch.schema) as writer:
        writer.write_batch(batch)


def _column(values: pd.Series) -> tuple[pa.Array, pa.Field]:
    if isinstance(values.dtype, pd.CategoricalDtype):
        array = pa.array(values.cat.codes.to_numpy())
        known = json.dumps([*values.cat.categories], ensure_ascii=False).encode()
        return array, pa.field("", array.type, metadata={CATEGORIES: known})
    if isinstance(values.dtype, np.dtype) and values.dtype.kind in "biuf":
        array = pa.array(values.to_numpy())
    else:
        array = pa.array(values, from_pandas=True)
        array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
        array = array.cast(pa.large_string()) if array.type == pa.string() else array
    return array, pa.field("", array.type)


def read_table(path: Path, n: int) -> pd.DataFrame:
    """The table (n, columns) of a file, memory-mapped; raises ValueError where it has other rows."""
    if not path.exists():
        return pd.DataFrame(index=pd.RangeIndex(n))
    with pa.memory_map(str(path)) as file, pa.ipc.open_file(file) as reader:
        batch = reader.get_batch(0)
    if len(batch) != n or reader.num_record_batches != 1:
        raise ValueError
    columns = {
        field.name: _values(array, field)
        for array, field in zip(batch.columns, batch.schema, strict=True)
    }
    return pd.DataFrame(columns, index=pd.RangeIndex(n), copy=False)


def _values(array: pa.Array, field: pa.Field) -> Any:
    kind = field.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return array.to_pandas()
    numbers = array.to_numpy(zero_copy_only=True)
    if field.metadata and CATEGORIES in field.metadata:
        known = pd.CategoricalDtype(pd.Index(json.loads(field.metadata[CATEGORIES])))
        return pd.Series(pd.Categorical.from_codes(numbers, dtype=known), copy=False)
    return pd.Series(numbers, copy=False)
