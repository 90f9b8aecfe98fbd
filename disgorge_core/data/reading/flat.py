"""Columns of one value a cell, with every repeated text written out and counted before it is."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from disgorge_core.errors import BadData


def is_flat(kind: pa.DataType) -> bool:
    """Whether a cell of this type is one number, text, date or true/false."""
    if pa.types.is_dictionary(kind):
        return is_flat(kind.value_type)
    return not (
        pa.types.is_nested(kind) or _is_bytes(kind) or isinstance(kind, pa.BaseExtensionType)
    )


def _is_bytes(kind: pa.DataType) -> bool:
    return (
        pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)
        or pa.types.is_fixed_size_binary(kind)
    )  # fmt: skip


def check_flat(schema: pa.Schema) -> None:
    """Raise BadData for the first column that is not flat."""
    for field in schema:
        if not is_flat(field.type):
            raise BadData(
                f"The column {field.name[:60]!r} holds {str(field.type)[:60]}.",
                "Keep columns of numbers, texts, dates and true or false only.",
            )


def plain(table: pa.Table) -> pa.Table:
    """Texts written out in full, decimals as numbers."""
    columns = [column.cast(plain_type(column.type)) for column in table.columns]
    return pa.table(columns, names=table.column_names)


def plain_type(kind: pa.DataType) -> pa.DataType:
    """The type that `plain` gives to a column."""
    if pa.types.is_dictionary(kind):
        return plain_type(kind.value_type)
    if pa.types.is_string(kind) or pa.types.is_string_view(kind):
        return pa.large_string()
    return pa.float64() if pa.types.is_decimal(kind) else kind


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """The columns that `plain` gives."""
    return pa.schema([(field.name, plain_type(field.type)) for field in schema])


def size_of(table: pa.Table) -> int:
    """Bytes of a table once every repeated text is written out."""
    return sum(_size(column) for column in table.columns)


def _size(column: pa.ChunkedArray) -> int:
    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    if plain_type(column.type) != pa.large_string():
        return len(column) * 8
    return sum(map(_text_size, column.chunks))


def _text_size(chunk: pa.DictionaryArray) -> int:
    lengths = pc.binary_length(chunk.dictionary.cast(pa.large_string()))
    return (pc.sum(lengths.take(chunk.indices)).as_py() or 0) + 8 * len(chunk)


def batches_of(tables: Iterator[pa.Table], most: int) -> Iterator[pa.RecordBatch]:
    """The tables one after another as batches of plain columns, up to that many bytes; raises BadData."""
    left = most
    for table in tables:
        left -= size_of(table)
        if left < 0:
            raise BadData(
                f"The table needs more than {most / 2**30:.1f} GB of memory.", "Open a part of it."
            )
        yield from plain(table).to_batches()
