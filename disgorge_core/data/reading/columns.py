"""The columns of a Hugging Face dataset: flat ones, class numbers with their names, one of pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from disgorge_core.data.reading.flat import is_flat, plain_type
from disgorge_core.data.reading.tree import Tree
from disgorge_core.errors import BadData

FEATURES = b"huggingface"  # in the metadata of a schema
INFO = "dataset_info.json"
LARGEST_INFO = 2**24  # bytes
PICTURE = {"bytes", "path"}


@dataclass(frozen=True)
class Columns:
    """What is read of a dataset: flat columns with their types, names of classes, a column of pictures."""

    types: Mapping[str, pa.DataType]
    classes: Mapping[str, tuple[str, ...]]
    picture: str
    left_out: tuple[str, ...]

    @property
    def flat(self) -> list[str]:
        """The flat columns."""
        return list(self.types)

    @property
    def notes(self) -> list[str]:
        """What was left out."""
        names = ", ".join(name[:40] for name in self.left_out[:10])
        return [f"Columns of more than one value were left out: {names}."] if names else []

    def schema(self, with_split: bool) -> pa.Schema:
        """The table's columns."""
        fields = [
            (name, pa.large_string() if name in self.classes else plain_type(kind))
            for name, kind in self.types.items()
        ]
        return pa.schema([*fields, *([("split", pa.large_string())] if with_split else [])])

    def named(self, table: pa.Table) -> pa.Table:
        """The table with names for class numbers; a number below 0 is a missing class."""
        for name, names in self.classes.items():
            column = pa.chunked_array([_named(c, names) for c in table[name].chunks], NAMED)
            table = table.set_column(table.column_names.index(name), name, column)
        return table


NAMED = pa.dictionary(pa.int32(), pa.string())


def _named(codes: pa.Array, names: tuple[str, ...]) -> pa.Array:
    known = pc.if_else(pc.greater_equal(codes, 0), codes, None).cast(pa.int32())
    return pa.DictionaryArray.from_arrays(known, pa.array(names, pa.string()))


def columns_of(schema: pa.Schema, tree: Tree) -> Columns:
    """What the columns are, by the features in the schema or beside the files; raises BadData."""
    features = _features(schema, tree)
    flat = {field.name: field.type for field in schema if is_flat(field.type)}
    pictures = [field.name for field in schema if _is_picture(field.type)]
    if len(set(schema.names)) < len(schema.names) or not flat:
        raise BadData("The dataset has no flat columns of different names.", "Add a label.")
    classes = {
        name: _class_names(features.get(name)) for name, kind in flat.items() if _whole(kind)
    }
    left = [name for name in schema.names if name not in flat and name not in pictures[:1]]
    return Columns(
        flat, {name: names for name, names in classes.items() if names}, "".join(pictures[:1]),
        tuple(left),
    )  # fmt: skip


def _whole(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind)


def _is_picture(kind: pa.DataType) -> bool:
    return (
        pa.types.is_struct(kind)
        and {field.name for field in kind} == PICTURE
        and kind.field("bytes").type in (pa.binary(), pa.large_binary())
    )


def _class_names(feature: Any) -> tuple[str, ...]:
    names = feature.get("names") if isinstance(feature, dict) else None
    return tuple(map(str, names)) if isinstance(names, list) else ()


def _features(schema: pa.Schema, tree: Tree) -> dict[str, Any]:
    """The features as JSON says them; none where nothing is said."""
    stated = (schema.metadata or {}).get(FEATURES)
    if stated:
        return _inside(json.loads(stated), "info", "features")
    infos = [name for name in tree.names if name.rsplit("/", 1)[-1] == INFO]
    return _inside(json.loads(tree.read(infos[0], LARGEST_INFO)), "features") if infos else {}


def _inside(value: Any, *keys: str) -> dict[str, Any]:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}
