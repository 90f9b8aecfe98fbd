"""A dataset as a folder: dataset.json, ids.npy, y.npy, split.npy, meta.arrow, and records: x.npy or x.arrow.

x.arrow has only the columns that are not in meta.arrow. Records, ids and metadata stay on the disk and
are memory-mapped. No file can carry code, and the content is checked when it is read, block by block.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from disgorge_core import store
from disgorge_core.data.address import digest
from disgorge_core.data.mapped_table import read_table, write_table
from disgorge_core.errors import BadData
from disgorge_core.types import Array, Dataset, Roles

FORMAT = 2
DAMAGE = (
    OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, IndexError, pa.ArrowException,
)  # fmt: skip
BLOCK = 2**24  # bytes of pictures that are copied at once
WORDS = ("name", "kind", "task", "digest", "licence")


def save_dataset(data: Dataset, folder: Path | str) -> Path:
    """Write a new folder, as a whole or not at all; raises StoreError where it is already there."""
    final = Path(folder)
    with store.building(final) as place:
        _write(data, place)
    return final


def keep_dataset(data: Dataset, workspace: store.Workspace) -> Path:
    """The dataset's folder in the workspace, written if it is not there yet; raises StoreError."""
    final = workspace.dataset(data.digest)
    if not final.is_dir():
        place = workspace.new_folder()
        with store.plain_errors():
            _write(data, place)
        workspace.commit(place, final)
    return final


def _write(data: Dataset, place: Path) -> None:
    words: dict[str, Any] = {name: getattr(data, name) for name in WORDS}
    lists = {"classes": list(data.classes), "notes": list(data.notes), "roles": asdict(data.roles)}
    columns = list(data.x.columns) if isinstance(data.x, pd.DataFrame) else []
    head = {"format": FORMAT, "content": digest(data), "columns": columns}
    store.write_json(place / "dataset.json", {**head, **words, **lists})
    for name, array in (("ids", data.ids.astype(str)), ("y", data.y), ("split", data.split)):
        np.save(place / f"{name}.npy", array, allow_pickle=False)
    if isinstance(data.x, pd.DataFrame):
        write_table(data.x[_own_columns(data)], place / "x.arrow")
    else:
        _write_pictures(data.x, place / "x.npy")
    write_table(data.meta, place / "meta.arrow")


def _own_columns(data: Dataset) -> list[str]:
    """Columns of a table that are not in the metadata just so."""
    return [
        name
        for name, values in data.x.items()
        if name not in data.meta
        or values.dtype != data.meta[name].dtype
        or not values.equals(data.meta[name])
    ]


def _write_pictures(x: Array, path: Path) -> None:
    step = max(1, BLOCK // max(1, x[:1].nbytes))
    with path.open("wb") as file:
        head = {"descr": x.dtype.str, "fortran_order": False, "shape": x.shape}
        np.lib.format.write_array_header_1_0(file, head)
        for start in range(0, len(x), step):
            file.write(np.ascontiguousarray(x[start : start + step]).data)


def load_dataset_folder(folder: Path | str) -> Dataset:
    """Read a folder that `save_dataset` wrote; raises StoreError, and BadData where it is damaged."""
    place = Path(folder)
    about = store.read_json(place / "dataset.json")
    with _damage_in_words(place):
        if about["format"] != FORMAT:
            raise BadData(
                f"The dataset is of format {about['format']!r}, not {FORMAT}.",
                "Open the original file again.",
            )
        data = _read(place, about)
        if digest(data) != about["content"]:
            raise ValueError
    return data


def _read(place: Path, about: dict[str, Any]) -> Dataset:
    ids = np.asarray(np.load(place / "ids.npy", mmap_mode="r", allow_pickle=False))
    y, split = (np.load(place / f"{name}.npy", allow_pickle=False) for name in ("y", "split"))
    meta = read_table(place / "meta.arrow", len(ids))
    return Dataset(
        **{name: about[name] for name in WORDS},
        ids=ids,
        x=_records(place, meta, about["columns"]),
        y=y,
        classes=tuple(about["classes"]),
        split=split,
        meta=meta,
        roles=Roles(**about["roles"]),
        notes=tuple(about["notes"]),
    )


def _records(place: Path, meta: pd.DataFrame, columns: list[str]) -> Any:
    """Pictures, or the columns of a table wherever they lie."""
    if (place / "x.npy").exists():
        return np.load(place / "x.npy", mmap_mode="r", allow_pickle=False)
    own = read_table(place / "x.arrow", len(meta))
    found = {name: own[name] if name in own else meta[name] for name in columns}
    return pd.DataFrame(found, index=meta.index, copy=False)


@contextmanager
def _damage_in_words(place: Path) -> Iterator[None]:
    try:
        yield
    except DAMAGE:
        raise BadData(
            f"The saved dataset {place.name[:12]} is damaged.", "Open the original file again."
        ) from None
