"""Parquet piece by piece; sizes that the file states are checked before anything is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from disgorge_core.data.reading.limits import MOST_COLUMNS, Limits
from disgorge_core.errors import BadData

ROWS = 65_536  # of one piece


def schema_of(path: Path, limits: Limits) -> pa.Schema:
    """The columns of a file that is not too large; raises BadData."""
    with pq.ParquetFile(path) as file:
        _check_size(file.metadata, limits)
        return file.schema_arrow


def pieces(path: Path, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Some rows after others, raising BadData where there are not as many as the file says.

    A text repeated a million times is held once.
    """
    with pq.ParquetFile(path) as file:
        texts = [f.name for f in file.schema_arrow if _is_text(f.type)]
    with pq.ParquetFile(path, read_dictionary=texts) as file:
        said, rows = file.metadata.num_rows, 0
        for batch in file.iter_batches(ROWS, columns=columns, use_threads=False):
            rows += len(batch)
            yield pa.Table.from_batches([batch])
    if rows != said:
        raise BadData(f"The file says {said:,} rows and holds {rows:,}.", "Write it again.")


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _check_size(about: pq.FileMetaData, limits: Limits) -> None:
    rows, columns, groups = about.num_rows, about.num_columns, range(about.num_row_groups)
    if columns > MOST_COLUMNS:
        raise BadData(f"The table has {columns:,} columns.", f"Keep at most {MOST_COLUMNS:,}.")
    stated = sum(about.row_group(group).total_byte_size for group in groups)
    if rows * columns > limits.cells or stated > limits.table:
        raise BadData(
            f"The table has {rows:,} rows of {columns:,} columns.",
            f"Stay below {limits.cells:,} cells and {limits.table / 2**30:.1f} GB.",
        )
    for group in groups:
        for column in range(columns):
            if "DELTA_BYTE_ARRAY" in about.row_group(group).column(column).encodings:
                # a few bytes of it can stand for gigabytes
                raise BadData("A column is delta-encoded text.", "Write it with default settings.")
