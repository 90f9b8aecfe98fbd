"""Pictures in folders named by their class, packed in a zip or as a folder: train/cat/1.png or cat/1.png."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from disgorge_core.data.reading.archive import is_zip
from disgorge_core.data.reading.found import Reading
from disgorge_core.data.reading.limits import Room
from disgorge_core.data.reading.tree import Tree, tree_of
from disgorge_core.data.split_words import WORDS
from disgorge_core.errors import BadData
from disgorge_core.registry import DATA_FORMATS

LAYOUT = "Pack folders named by class, as in cat/1.png or train/cat/1.png."


@DATA_FORMATS.register
class ImageFolders:
    """One folder of pictures for each class."""

    name = "image-folders"
    title = "Zip of picture folders"
    suffixes = (".zip",)
    resizes = True  # its pictures may come in any size
    order = 60  # asked after the other kinds of zip

    def sniff(self, path: Path) -> bool:
        """Is it a zip or a folder?"""
        return path.is_dir() or is_zip(path)

    def read(self, path: Path, room: Room) -> Reading:
        """Pictures of one size with path, label and split; raises BadData."""
        from disgorge_core.data.reading.images import MOST_BYTES, SUFFIXES, write_pictures

        with tree_of(path, room) as tree:
            names = [name for name in tree.names if name.lower().endswith(SUFFIXES)]
            if not names:
                raise BadData("There are no pictures in it, nor a dataset of another kind.", LAYOUT)
            table = _table(names)
            notes = write_pictures(lambda: _contents(tree, names, MOST_BYTES), room)
            files = len(tree.names)
        other = files - len(names)
        left = (f"Left out, for being no pictures: {other:,} of {files:,} files.",) if other else ()
        return Reading(table, (*notes, *left), pictures=True)


def _contents(tree: Tree, names: list[str], most: int) -> Iterator[tuple[str, bytes]]:
    return ((name, tree.read(name, most)) for name in names)


def _table(names: list[str]) -> pa.Table:
    """Path, label, and split or deeper folders where there are some; from the pictures' names."""
    parts = _below_the_top([name.split("/") for name in names])
    splits = [WORDS.get(part[0].lower(), "") if len(part) > 2 else "" for part in parts]
    if all(splits):
        parts = [part[1:] for part in parts]
    for name, part in zip(names, parts, strict=True):
        if len(part) < 2:
            raise BadData(f"The picture {name[-60:]!a} lies in no folder of a class.", LAYOUT)
    columns = {"path": names, "label": [part[0] for part in parts]}
    deeper = ["/".join(part[1:-1]) for part in parts]
    if any(deeper):
        columns["folder"] = deeper
    if all(splits) and len(set(splits)) > 1:
        columns["split"] = splits
    return pa.table(columns)


def _below_the_top(parts: list[list[str]]) -> list[list[str]]:
    """Without the folders that hold everything; what names the classes stays."""
    while all(len(part) > 2 for part in parts) and len({part[0] for part in parts}) == 1:
        parts = [part[1:] for part in parts]
    return parts
