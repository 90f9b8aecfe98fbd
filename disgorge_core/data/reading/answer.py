"""Reads a file of any known format and lays down what it holds: table.arrow and pictures.npy.

Everything here runs in the limited process; nothing of it imports torch or pandas.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from disgorge_core.data.reading.found import Reading
from disgorge_core.data.reading.limits import Limits, Room
from disgorge_core.errors import BadData
from disgorge_core.limited.refusal import DAMAGE, answered
from disgorge_core.registry import DATA_FORMATS


def asked_for(asked: dict[str, Any]) -> dict[str, Any]:
    """Do what `data.reading.process` asks the limited process for."""
    room = Room(Path(asked["folder"]), Limits(**asked["limits"]), asked["size"])
    return answer(Path(asked["path"]), room)


def answer(path: Path, room: Room) -> dict[str, Any]:
    """Read a file into the room's folder, or say in one sentence why not."""
    return answered(lambda: _read(path, room), (pa.ArrowException, *DAMAGE))


def _read(path: Path, room: Room) -> dict[str, Any]:
    kind = format_of(path)
    return {"format": kind.name, **_kept(kind().read(path, room), room)}


def format_of(path: Path) -> Any:
    """The first format that knows the file; raises BadData where none does."""
    for kind in DATA_FORMATS.values():
        if kind().sniff(path):
            return kind
    known = ", ".join(kind.title for kind in DATA_FORMATS.values())
    raise BadData("The file is of no known kind.", f"Known are: {known}.")


def _kept(found: Reading, room: Room) -> dict[str, Any]:
    schema = found.table.schema.remove_metadata()
    with pa.OSFile(str(room.table), "wb") as file, pa.ipc.new_file(file, schema) as writer:
        for batch in within(_batches(found), room.limits):
            batch.validate(full=True)
            writer.write_batch(batch.replace_schema_metadata(None))
    return {"notes": list(found.notes), "pictures": found.pictures}


def _batches(found: Reading) -> Iterator[pa.RecordBatch]:
    table = found.table
    yield from table.to_batches() if isinstance(table, pa.Table) else table


def within(batches: Iterator[pa.RecordBatch], limits: Limits) -> Iterator[pa.RecordBatch]:
    """The batches, as long as the whole table is not too large; raises BadData."""
    rows = size = 0
    for batch in batches:
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows * batch.num_columns > limits.cells or size > limits.table:
            raise BadData(
                f"The table has more than {limits.cells:,} cells or"
                f" {limits.table / 2**30:.1f} GB on this machine.",
                "Open a part of it.",
            )
        yield batch
