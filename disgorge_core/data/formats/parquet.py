"""Apache Parquet."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from disgorge_core.data.reading.flat import batches_of, check_flat, plain_schema
from disgorge_core.data.reading.found import Reading
from disgorge_core.data.reading.limits import Room
from disgorge_core.data.reading.parquet_tables import pieces, schema_of
from disgorge_core.registry import DATA_FORMATS

MAGIC = b"PAR1"


@DATA_FORMATS.register
class Parquet:
    """One Parquet file of flat columns."""

    name = "parquet"
    title = "Parquet"
    suffixes = (".parquet", ".pq")
    order = 10

    def sniff(self, path: Path) -> bool:
        """Does it start as Parquet does?"""
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(4) == MAGIC

    def read(self, path: Path, room: Room) -> Reading:
        """The table; raises BadData for columns that hold more than one value."""
        schema = schema_of(path, room.limits)
        check_flat(schema)
        batches = batches_of(pieces(path), room.limits.table)
        return Reading(pa.RecordBatchReader.from_batches(plain_schema(schema), batches))
