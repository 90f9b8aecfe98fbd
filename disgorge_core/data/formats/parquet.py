"""Apache Parquet. Columns are read with bounded memory, and metadata that pandas left is ignored."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from disgorge_core.errors import BadData
from disgorge_core.registry import DATA_FORMATS

MAGIC = b"PAR1"
MOST_CELLS = 500_000_000
MOST_BYTES = 8 * 2**30  # of the table in memory


@DATA_FORMATS.register
class Parquet:
    """One Parquet file of flat columns."""

    name = "parquet"
    title = "Parquet"
    suffixes = (".parquet", ".pq")
    order = 10

    def sniff(self, path: Path) -> bool:
        """Does it start as Parquet does?"""
        with path.open("rb") as file:
            return file.read(4) == MAGIC

    def read(self, path: Path) -> pd.DataFrame:
        """The table; raises BadData for damaged files and for columns that hold more than one value."""
        try:
            table = _read(path).replace_schema_metadata(None)
            table.validate(full=True)
            return table.to_pandas(split_blocks=True, date_as_object=False)
        except (pa.ArrowException, OSError, ValueError) as error:
            words = " ".join(str(error).split())[:100]
            raise BadData(
                f"The Parquet file is damaged or cut short: {words}.", "Write or upload it again."
            ) from None


def _read(path: Path) -> pa.Table:
    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        _check_flat(schema)
        _check_size(file.metadata)
    return _collect(path, schema)


def _check_flat(schema: pa.Schema) -> None:
    for field in schema:
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            raise BadData(
                f"The column {field.name[:60]!r} holds {str(kind)[:60]}.",
                "Keep columns of numbers, texts, dates and true or false only.",
            )


def _check_size(metadata: pq.FileMetaData) -> None:
    rows, columns = metadata.num_rows, max(1, metadata.num_columns)
    size = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    if rows * columns > MOST_CELLS or size > MOST_BYTES:
        raise BadData(
            f"The table has {rows:,} rows of {columns:,} columns.",
            f"Stay below {MOST_CELLS:,} cells and {MOST_BYTES / 2**30:.0f} GB.",
        )
    for group in range(metadata.num_row_groups):
        for column in range(metadata.num_columns):
            if "DELTA_BYTE_ARRAY" in metadata.row_group(group).column(column).encodings:
                # a few bytes of it can stand for gigabytes
                raise BadData("A column is delta-encoded text.", "Write it with default settings.")


def _collect(path: Path, schema: pa.Schema) -> pa.Table:
    """Row group by row group; a text repeated a million times is held once until its size is known."""
    texts = [
        f.name for f in schema if pa.types.is_string(f.type) or pa.types.is_large_string(f.type)
    ]
    parts, size = [], 0
    with pq.ParquetFile(path, read_dictionary=texts) as file:
        for group in range(file.num_row_groups):
            part = file.read_row_group(group, use_threads=False)
            size += sum(_size(column) for column in part.columns)
            if size > MOST_BYTES:
                raise BadData("The table needs more than 8 GB of memory.", "Open a part of it.")
            parts.append(_plain(part))
    return pa.concat_tables(parts) if parts else schema.empty_table()


def _size(column: pa.ChunkedArray) -> int:
    """Bytes of a column once every repeated text is written out."""
    if not pa.types.is_dictionary(column.type):
        return column.nbytes
    total = 0
    for chunk in column.chunks:
        lengths = pc.binary_length(chunk.dictionary.cast(pa.large_string()))
        total += pc.sum(lengths.take(chunk.indices)).as_py() or 0
    return total


def _plain(table: pa.Table) -> pa.Table:
    """Texts written out, decimals as numbers."""
    for position, field in enumerate(table.schema):
        kind = field.type
        if pa.types.is_dictionary(kind):
            kind = pa.large_string()
        elif pa.types.is_decimal(kind):
            kind = pa.float64()
        if kind != field.type:
            table = table.set_column(position, field.name, table.column(position).cast(kind))
    return table
