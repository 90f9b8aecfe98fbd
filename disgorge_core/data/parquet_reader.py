"""Reads one Parquet file as a program of its own: a damaged file can end the process that reads it.

(pyarrow 26 aborts on some flipped bits of the metadata.) Imports nothing of this library, writes the
table as Arrow to a file, or says on its output in JSON what is wrong. Its memory is limited.
"""

from __future__ import annotations

import json
import resource
import sys

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

REFUSED = 3  # exit status


class Refused(Exception):
    """A file that is whole but cannot be used: problem and remedy."""


def main(source: str, target: str, most_bytes: int, most_cells: int) -> int:
    """Read `source`, write `target`; returns the exit status."""
    room = 2 * most_bytes + 4 * 2**30
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
    try:
        table = _read(source, most_bytes, most_cells).replace_schema_metadata(None)
        table.validate(full=True)
        with pa.OSFile(target, "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
        return 0
    except Refused as error:
        print(json.dumps(error.args))
    except (pa.ArrowException, OSError, ValueError) as error:
        words = " ".join(str(error).split())[:100]
        problem = f"The Parquet file is damaged or cut short: {words}."
        print(json.dumps([problem, "Write or upload it again."]))
    except MemoryError:
        print(json.dumps(["The table needs too much memory.", "Open a part of it."]))
    return REFUSED


def _read(source: str, most_bytes: int, most_cells: int) -> pa.Table:
    with pq.ParquetFile(source) as file:
        schema = file.schema_arrow
        _check_flat(schema)
        _check_size(file.metadata, most_bytes, most_cells)
    return _collect(source, schema, most_bytes)


def _check_flat(schema: pa.Schema) -> None:
    for field in schema:
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            raise Refused(
                f"The column {field.name[:60]!r} holds {str(kind)[:60]}.",
                "Keep columns of numbers, texts, dates and true or false only.",
            )


def _check_size(metadata: pq.FileMetaData, most_bytes: int, most_cells: int) -> None:
    rows, columns = metadata.num_rows, max(1, metadata.num_columns)
    groups = range(metadata.num_row_groups)
    if (
        rows * columns > most_cells
        or sum(metadata.row_group(group).total_byte_size for group in groups) > most_bytes
    ):
        raise Refused(
            f"The table has {rows:,} rows of {columns:,} columns.",
            f"Stay below {most_cells:,} cells and {most_bytes / 2**30:.0f} GB.",
        )
    for group in groups:
        for column in range(metadata.num_columns):
            if "DELTA_BYTE_ARRAY" in metadata.row_group(group).column(column).encodings:
                # a few bytes of it can stand for gigabytes
                raise Refused("A column is delta-encoded text.", "Write it with default settings.")


def _collect(source: str, schema: pa.Schema, most_bytes: int) -> pa.Table:
    """Row group by row group; a text repeated a million times is held once until its size is known."""
    texts = [
        f.name for f in schema if pa.types.is_string(f.type) or pa.types.is_large_string(f.type)
    ]
    parts, size = [], 0
    with pq.ParquetFile(source, read_dictionary=texts) as file:
        for group in range(file.num_row_groups):
            part = file.read_row_group(group, use_threads=False)
            size += sum(_size(column) for column in part.columns)
            if size > most_bytes:
                raise Refused(
                    f"The table needs more than {most_bytes / 2**30:.0f} GB of memory.",
                    "Open a part of it.",
                )
            parts.append(_plain(part))
    return pa.concat_tables(parts) if parts else schema.empty_table()


def _size(column: pa.ChunkedArray) -> int:
    """Bytes of a column once every repeated text is written out."""
    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
