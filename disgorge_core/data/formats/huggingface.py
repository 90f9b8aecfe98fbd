"""Datasets of Hugging Face: a folder or zip by `save_to_disk`, or of Parquet files as in a repository.

Class numbers become their names, pictures are decoded; columns of lists and the like are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from disgorge_core.data.reading.archive import is_zip
from disgorge_core.data.reading.columns import FEATURES, Columns, columns_of
from disgorge_core.data.reading.flat import batches_of
from disgorge_core.data.reading.found import Reading
from disgorge_core.data.reading.limits import Room
from disgorge_core.data.reading.plain_text import head
from disgorge_core.data.reading.shards import Shard, is_shard, shards_of
from disgorge_core.data.reading.tree import Folder, Tree, tree_of
from disgorge_core.data.split_words import WORDS
from disgorge_core.errors import BadData
from disgorge_core.registry import DATA_FORMATS


@DATA_FORMATS.register
class HuggingFace:
    """Shards of Arrow or Parquet that tell the features of their columns."""

    name = "huggingface"
    title = "Hugging Face dataset"
    suffixes = (".zip", ".parquet")
    resizes = True  # its pictures may come in any size
    order = 5  # a Parquet file with their features is theirs

    def sniff(self, path: Path) -> bool:
        """Is it a folder or zip with shards, or one shard that tells its features?"""
        if path.is_dir() or is_zip(path):
            with tree_of(path, Room(path)) as tree:
                return any(map(is_shard, tree.names))
        return head(path, 4) == b"PAR1" and FEATURES in (pq.read_schema(path).metadata or {})

    def read(self, path: Path, room: Room) -> Reading:
        """All shards as one table with the split, and the pictures; raises BadData."""
        with _tree(path, room) as tree:
            shards, left = shards_of(tree)
            schemas = [shard.schema(room.limits) for shard in shards]
            columns = columns_of(schemas[0], tree)
        _check_alike(shards, schemas)
        notes = [
            f"Splits that are none of train, validation, test were left out: {', '.join(left)}."
        ]
        notes = (notes if left else []) + columns.notes
        if columns.picture:
            from disgorge_core.data.reading.images import write_pictures

            notes += write_pictures(lambda: _pictures(shards, columns.picture), room)
        stream = batches_of(_tables(shards, columns), room.limits.table)
        several = len({shard.split for shard in shards}) > 1
        table = pa.RecordBatchReader.from_batches(columns.schema(several), stream)
        return Reading(table, tuple(notes), pictures=bool(columns.picture))


def _tree(path: Path, room: Room) -> AbstractContextManager[Tree]:
    if path.is_dir() or is_zip(path):
        return tree_of(path, room)
    return nullcontext(Folder(path.parent, [path.name]))


def _check_alike(shards: list[Shard], schemas: list[pa.Schema]) -> None:
    for shard, schema in zip(shards, schemas, strict=True):
        if not schema.equals(schemas[0]):
            raise BadData(
                f"The columns of {shard.split!r} are not those of {shards[0].split!r}.",
                "Give each split the same columns.",
            )


def _tables(shards: list[Shard], columns: Columns) -> Iterator[pa.Table]:
    several = len({shard.split for shard in shards}) > 1
    for shard in shards:
        for table in shard.tables(columns.flat):
            named = columns.named(table)
            if several:
                split = pa.repeat(WORDS.get(shard.split, shard.split), len(table))
                named = named.append_column("split", split)
            yield named


def _pictures(shards: list[Shard], column: str) -> Iterator[tuple[str, bytes]]:
    """Name and content of each picture; raises BadData where only a path is stored."""
    row = 0
    for shard in shards:
        for table in shard.tables([column]):
            for content in pc.struct_field(table.column(0), "bytes"):
                row += 1
                if not content.is_valid:
                    raise BadData(
                        f"The picture of row {row:,} is not in the file.",
                        "Save the dataset with its pictures embedded.",
                    )
                yield f"of row {row:,}", content.as_py()
