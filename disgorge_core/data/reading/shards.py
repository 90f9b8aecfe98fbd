"""A table in several files of Arrow or Parquet, as Hugging Face datasets are stored.

Layouts: `save_to_disk` (data-00000-of-00002.arrow, in a folder for each split where there are several)
and repositories of Parquet (data/train-00000-of-00001.parquet, or train/0000.parquet).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pyarrow as pa

from disgorge_core.data.reading.limits import Limits
from disgorge_core.data.reading.parquet_tables import pieces, schema_of
from disgorge_core.data.reading.tree import Tree
from disgorge_core.data.split_words import WORDS
from disgorge_core.errors import BadData

SHARD = re.compile(r"(?P<split>.*?)(-\d+-of-\d+.*)?\.(arrow|parquet)")
SPLITS = "dataset_dict.json"  # beside the folders of the splits
OWN = ("cache-", "indices")  # files that the library keeps for itself


@dataclass(frozen=True)
class Shard:
    """One file: its split as the names say ("" if they do not), the folder of its dataset, its place."""

    split: str
    group: str
    path: Path
    parquet: bool

    def schema(self, limits: Limits) -> pa.Schema:
        """The columns; raises BadData where the table is too large."""
        if self.parquet:
            return schema_of(self.path, limits)
        with pa.OSFile(str(self.path)) as file, pa.ipc.open_stream(file) as stream:
            return stream.schema

    def tables(self, columns: list[str]) -> Iterator[pa.Table]:
        """These columns, some rows after others."""
        if self.parquet:
            yield from pieces(self.path, columns)
            return
        with pa.OSFile(str(self.path)) as file, pa.ipc.open_stream(file) as stream:
            for batch in stream:
                batch.validate(full=True)
                yield pa.Table.from_batches([batch]).select(columns)


def is_shard(name: str) -> bool:
    """Whether a file can be a part of a dataset."""
    return bool(SHARD.fullmatch(Path(name).name)) and not Path(name).name.startswith(OWN)


def shards_of(tree: Tree) -> tuple[list[Shard], list[str]]:
    """The files in order, and the splits that were left out; raises BadData for several datasets."""
    tops = {str(PurePosixPath(n).parent) for n in tree.names if PurePosixPath(n).name == SPLITS}
    named = {name: _split_and_group(name, tops) for name in tree.names if is_shard(name)}
    groups = sorted({group for _, group in named.values()})
    if len(groups) > 1:
        listed = ", ".join(ascii(group[-40:]) for group in groups[:5])
        raise BadData(f"There are {len(groups)} datasets in it: {listed}.", "Give one of them.")
    splits = {split for split, _ in named.values()}
    used = splits & set(WORDS) or splits
    shards = [
        Shard(split, group, tree.place(name), name.endswith(".parquet"))
        for name, (split, group) in named.items()
        if split in used
    ]
    return shards, sorted(splits - used)


def _split_and_group(name: str, tops: set[str]) -> tuple[str, str]:
    """`tops`: folders that hold a folder for each split."""
    path = PurePosixPath(name)
    folder, above = path.parent.name.lower(), str(path.parent.parent)
    found = SHARD.fullmatch(path.name)
    split = found["split"].lower() if found else ""
    if above in tops or (split not in WORDS and folder in WORDS):
        return folder, above
    return split, str(path.parent)
