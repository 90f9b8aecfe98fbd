"""A dataset as a folder: dataset.json, arrays.npz, records (x.npy or x.parquet) and meta.parquet.

No file of it can carry code, and its content is checked when it is read.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from disgorge_core import store
from disgorge_core.data.address import digest
from disgorge_core.errors import BadData
from disgorge_core.types import Array, Dataset, Roles

FORMAT = 1
DAMAGE = (
    OSError, EOFError, ValueError, KeyError, TypeError, AttributeError,
    pa.ArrowException, zipfile.BadZipFile,
)  # fmt: skip
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
    head = {"format": FORMAT, "content": digest(data)}
    store.write_json(place / "dataset.json", {**head, **words, **lists})
    np.savez(place / "arrays.npz", ids=data.ids.astype(str), y=data.y, split=data.split)
    if isinstance(data.x, pd.DataFrame):
        _write_table(data.x, place / "x.parquet")
    else:
        np.save(place / "x.npy", np.ascontiguousarray(data.x), allow_pickle=False)
    _write_table(data.meta, place / "meta.parquet")


def _write_table(table: pd.DataFrame, path: Path) -> None:
    if not table.shape[1]:  # Parquet keeps no row count without a column
        return
    pq.write_table(pa.Table.from_pandas(table, preserve_index=False), path, compression="zstd")


def load_dataset_folder(folder: Path | str) -> Dataset:
    """Read a folder that `save_dataset` wrote; raises StoreError, and BadData where it is damaged."""
    place = Path(folder)
    about = store.read_json(place / "dataset.json")
    with _damage_in_words(place):
        if about["format"] != FORMAT:
            raise BadData(
                f"The dataset is of format {about['format']!r}.", "Open it with a newer version."
            )
        data = _read(place, about)
        if digest(data) != about["content"]:
            raise ValueError
    return data


def _read(place: Path, about: dict[str, Any]) -> Dataset:
    arrays = _arrays(place / "arrays.npz")
    n = len(arrays["ids"])
    return Dataset(
        **{name: about[name] for name in WORDS},
        ids=arrays["ids"],
        x=_records(place, n),
        y=arrays["y"],
        classes=tuple(about["classes"]),
        split=arrays["split"],
        meta=_table(place / "meta.parquet", n),
        roles=Roles(**about["roles"]),
        notes=tuple(about["notes"]),
    )


def _arrays(path: Path) -> dict[str, Array]:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return dict(arrays)


def _records(place: Path, n: int) -> Any:
    """Pictures stay on the disk until they are looked at."""
    if (place / "x.npy").exists():
        return np.load(place / "x.npy", mmap_mode="r", allow_pickle=False)
    return _table(place / "x.parquet", n)


def _table(path: Path, n: int) -> pd.DataFrame:
    if not path.exists():
        return pd.DataFrame(index=pd.RangeIndex(n))
    return pq.read_table(path).to_pandas()


@contextmanager
def _damage_in_words(place: Path) -> Iterator[None]:
    try:
        yield
    except DAMAGE:
        raise BadData(
            f"The saved dataset {place.name[:12]} is damaged.", "Open the original file again."
        ) from None
