"""NumPy archives: x with the records, y with the labels, and an array for each further column.

Usual other names are known too: images, data; labels, target; and x_train, test_images and the like,
where each split has arrays of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from disgorge_core.data.reading.archive import is_zip, opened
from disgorge_core.data.reading.found import Reading
from disgorge_core.data.reading.limits import MOST_COLUMNS, Limits, Room
from disgorge_core.data.reading.npz_arrays import Stored, stored_arrays
from disgorge_core.data.split_words import WORDS
from disgorge_core.errors import BadData
from disgorge_core.registry import DATA_FORMATS

RECORDS = ("x", "images", "image", "data", "features", "inputs", "texts", "text")
NAMES = ("columns", "feature_names", "names")
REMEDY = "Save it by np.savez(path, x=records, y=labels)."
Arrays = Mapping[str, Stored]


@dataclass(frozen=True)
class Part:
    """The records of one split ("" where there is one part only), and their columns."""

    split: str
    x: Stored
    columns: Arrays


@DATA_FORMATS.register
class Npz:
    """Named arrays of one length: pictures (n, h, w[, c]), tables (n, d) or texts (n,)."""

    name = "npz"
    title = "NPZ"
    suffixes = (".npz",)
    order = 40

    def sniff(self, path: Path) -> bool:
        """Is it a zip of arrays only?"""
        if not is_zip(path):
            return False
        with opened(path, Limits()) as (_, members):
            return bool(members) and all(m.filename.endswith(".npy") for m in members)

    def read(self, path: Path, room: Room) -> Reading:
        """Pictures or a table, with the columns; raises BadData. Nothing is unpickled."""
        from disgorge_core.data.reading.pixels import write_arrays

        with opened(path, room.limits) as (archive, members):
            arrays = stored_arrays(archive, members)
            parts, notes = _parts(arrays)
            records = [part.x for part in parts]
            columns = _columns(parts, room.limits)
            if len(records[0].shape) > 2:
                notes += write_arrays(records, room)
                return Reading(_table({}, columns), tuple(notes), pictures=True)
            return Reading(_table(_features(parts, arrays, room.limits), columns), tuple(notes))


def _parts(arrays: Arrays) -> tuple[list[Part], list[str]]:
    """The arrays by split, and a note on those that are no column; raises BadData."""
    for split_up in (False, True):
        placed = {name: _placed(name) if split_up else ("", name) for name in arrays}
        splits = dict.fromkeys(split for split, _ in placed.values())
        groups = {
            s: {base: arrays[n] for n, (of, base) in placed.items() if of == s} for s in splits
        }
        found = [_part(split, group) for split, group in groups.items()]
        parts = [part for part in found if part is not None]
        if parts:
            _check_alike(parts)
            return parts, _left_out(arrays, parts)
    listed = ", ".join(f"{a.name[:40]} {a.shape}" for a in list(arrays.values())[:6])
    raise BadData(f"There is no array x of records, but {listed}.", REMEDY)


def _placed(name: str) -> tuple[str, str]:
    """Split and name without it: ("train", "x") of x_train or train_x."""
    first, _, rest = name.partition("_")
    if rest and first.lower() in WORDS:
        return WORDS[first.lower()], rest
    start, _, last = name.rpartition("_")
    return (WORDS[last.lower()], start) if start and last.lower() in WORDS else ("", name)


def _part(split: str, group: Arrays) -> Part | None:
    """The records of a group and its columns; None if it has no records."""
    lower = {name.lower(): name for name in group}
    name = next((lower[known] for known in RECORDS if known in lower), "")
    if not name:
        wide = [n for n, array in group.items() if len(array.shape) > 1 and array.shape[1] > 1]
        if len(wide) != 1:
            return None
        name = wide[0]
    n = group[name].shape[0]
    columns = {key: a for key, a in group.items() if key != name and a.shape in ((n,), (n, 1))}
    return Part(split, group[name], columns)


def _check_alike(parts: list[Part]) -> None:
    first = parts[0]
    for part in parts:
        same = part.x.shape[1:] == first.x.shape[1:] and set(part.columns) == set(first.columns)
        if not same:
            raise BadData(
                f"The arrays of {part.split!r} are not like those of {first.split!r}.",
                "Give each split the same arrays.",
            )
    if not 1 <= len(first.x.shape) <= 4:
        raise BadData(f"The records are of shape {first.x.shape}.", "Use (n, d) or (n, h, w, c).")


def _left_out(arrays: Arrays, parts: list[Part]) -> list[str]:
    used = [array.name for part in parts for array in (part.x, *part.columns.values())]
    left = [name[:40] for name in arrays if name not in used and name not in NAMES]
    return (
        [f"Arrays without a value for each record were left out: {', '.join(left)}."]
        if left
        else []
    )


def _columns(parts: list[Part], limits: Limits) -> dict[str, pa.Array]:
    """The columns of all parts one below the other, with the split if there are several."""
    _check_size([a for part in parts for a in part.columns.values()], limits)
    columns = {
        name: pa.chunked_array([_values(part.columns[name]) for part in parts])
        for name in parts[0].columns
    }
    if len(parts) > 1:
        columns["split"] = pa.array([part.split for part in parts for _ in range(part.x.shape[0])])
    return columns


def _check_size(arrays: list[Stored], limits: Limits) -> None:
    size = sum(array.bytes for array in arrays)
    if size > limits.table:
        raise BadData(f"The arrays need {size / 2**30:,.1f} GB of memory.", "Open a part of them.")


def _values(array: Stored) -> pa.Array:
    return _column(array.whole().reshape(-1))


def _column(values: np.ndarray) -> pa.Array:
    """A column of Arrow; bytes are texts in UTF-8, and half numbers become whole ones of 32 bits."""
    if values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8")
    return pa.array(values.astype(np.float32) if values.dtype == np.float16 else values)


def _features(parts: list[Part], arrays: Arrays, limits: Limits) -> dict[str, pa.Array]:
    """The records as columns: texts are one, a table has one for each position."""
    _check_size([part.x for part in parts], limits)
    shape = parts[0].x.shape
    width = shape[1] if len(shape) == 2 else 1
    if width > MOST_COLUMNS:
        raise BadData(f"The records have {width:,} columns.", f"Keep at most {MOST_COLUMNS:,}.")
    blocks = [block.reshape(len(block), -1) for part in parts for block in part.x.blocks()]
    names = _names(arrays, parts[0].x, width)
    return {
        name: pa.chunked_array([_column(block[:, place]) for block in blocks])
        for place, name in enumerate(names)
    }


def _names(arrays: Arrays, x: Stored, width: int) -> list[str]:
    """Names of the features: an array of them, else text or x0, x1 ..."""
    for name in NAMES:
        if name in arrays and arrays[name].shape == (width,) and arrays[name].dtype.kind in "US":
            return [str(value) for value in _values(arrays[name]).to_pylist()]
    return ["text"] if len(x.shape) == 1 else [f"x{place}" for place in range(width)]


def _table(features: dict[str, pa.Array], columns: dict[str, pa.Array]) -> pa.Table:
    if both := set(features) & set(columns):
        raise BadData(f"Two columns are named {min(both)[:60]!r}.", "Give each its own name.")
    if not columns and not features:
        raise BadData("There is no array of labels beside the pictures.", REMEDY)
    return pa.table({**features, **columns})
