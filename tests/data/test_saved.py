"""Datasets in folders: the same content comes back, whatever was damaged is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pandas.testing import assert_frame_equal

from disgorge_core.data import address
from disgorge_core.data.address import addressed, digest
from disgorge_core.data.saved import keep_dataset, load_dataset_folder, save_dataset
from disgorge_core.errors import BadData, StoreError
from disgorge_core.store import Workspace
from disgorge_core.types import Dataset, Roles


def table(n: int = 20) -> Dataset:
    """Numbers, categories, missing values of each type, texts, flags."""
    pick = np.arange(n)
    x = pd.DataFrame(
        {
            "age": np.where(pick % 3 == 0, np.nan, 20.0 + pick).astype(np.float32),
            "count": (pick % 4).astype(np.int64),
            "town": pd.Categorical.from_codes(pick % 4 - 1, ["York", "Bonn", "Rome"]),
        }
    )
    name = pd.Series([f"é{i}" if i % 4 else None for i in pick], dtype="str")
    meta = x[["age", "town"]].assign(name=name, ok=pick % 2 == 0)
    return addressed(
        Dataset(
            name="people", kind="table", task="classification", x=x, meta=meta, digest="",
            ids=np.array([f"r{i}" for i in pick]), y=pick % 3, classes=("a", "b", "c"),
            split=np.minimum(pick % 5, 2).astype(np.int8), roles=Roles("label", "id", owner="town"),
            licence="CC0", notes=("one", "two"),
        )
    )  # fmt: skip


def pictures(n: int = 10) -> Dataset:
    rng = np.random.default_rng(0)
    return addressed(
        Dataset(
            name="pictures", kind="image", task="regression", classes=(), digest="", roles=Roles(),
            x=rng.integers(0, 256, (n, 4, 5, 3)).astype(np.uint8), y=rng.normal(size=n),
            ids=np.array(list(map(str, range(n)))), split=np.zeros(n, np.int8),
            meta=pd.DataFrame(index=range(n)),
        )
    )  # fmt: skip


@pytest.mark.parametrize("data", [table(), pictures()], ids=["table", "image"])
def test_a_folder_brings_back_the_same_dataset(tmp_path: Path, data: Dataset) -> None:
    again = load_dataset_folder(save_dataset(data, tmp_path / "d"))
    for name in ("name", "kind", "task", "classes", "roles", "digest", "licence", "notes", "shape"):
        assert getattr(again, name) == getattr(data, name)
    for name in ("ids", "y", "split"):
        assert np.array_equal(getattr(again, name), getattr(data, name))
    assert_frame_equal(again.meta, data.meta, check_index_type=False)
    if isinstance(data.x, pd.DataFrame):
        assert_frame_equal(again.x, data.x)
    else:
        assert np.array_equal(again.x, data.x)
        assert isinstance(again.x, np.memmap)


def test_the_digest_is_of_the_content_not_of_its_form() -> None:
    data = table()
    towns = data.x["town"].astype("str")
    for form in (
        towns,
        pd.Categorical(towns, categories=["Rome", "Nowhere", "York", "Bonn"]),
        towns.astype(object),
    ):
        assert digest(replace(data, x=data.x.assign(town=form))) == data.digest
    assert digest(replace(data, x=data.x.astype({"age": float, "count": float}))) == data.digest
    assert digest(replace(data, name="other", licence="", notes=())) == data.digest


def test_every_part_of_the_content_moves_the_digest() -> None:
    data = table()
    moved = data.x.copy()
    moved.loc[7, "count"] += 1
    missing = data.meta.copy()
    missing.loc[5, "name"] = None
    empty = data.meta.copy()
    empty.loc[4, "name"] = ""
    changes = [
        replace(data, x=moved), replace(data, meta=missing), replace(data, meta=empty),
        replace(data, y=data.y[::-1]), replace(data, split=data.split[::-1]),
        replace(data, ids=data.ids[::-1]), replace(data, classes=("a", "b", "d")),
        replace(data, roles=Roles()), replace(data, task="regression"),
        replace(data, x=data.x[["count", "age", "town"]]),
    ]  # fmt: skip
    digests = {data.digest, *map(digest, changes)}
    assert len(digests) == len(changes) + 1


def test_neighbouring_texts_do_not_run_together() -> None:
    data = table(2)
    ab = replace(data, meta=pd.DataFrame({"a": ["ab", "c"]}))
    bc = replace(data, meta=pd.DataFrame({"a": ["a", "bc"]}))
    assert digest(ab) != digest(bc)


def test_a_slice_of_a_table_has_the_digest_of_its_copy() -> None:
    data = table()
    part = replace(data, meta=data.meta.iloc[5:15], x=data.x.iloc[5:15])
    rows = np.arange(5, 15)
    copy = replace(data, meta=data.meta.take(rows).copy(), x=data.x.take(rows).copy())
    assert digest(part) == digest(copy)


def test_the_workspace_keeps_one_copy(tmp_path: Path) -> None:
    work = Workspace(tmp_path)
    first = keep_dataset(table(), work)
    assert keep_dataset(table(), work) == first == work.dataset(table().digest)
    assert [p.name for p in tmp_path.iterdir()] == ["datasets"]
    assert load_dataset_folder(first).digest == table().digest


def test_a_folder_is_not_overwritten(tmp_path: Path) -> None:
    save_dataset(table(), tmp_path / "d")
    with pytest.raises(StoreError, match="already there"):
        save_dataset(pictures(), tmp_path / "d")
    assert load_dataset_folder(tmp_path / "d").name == "people"


@pytest.mark.parametrize("name", ["ids.npy", "y.npy", "split.npy", "x.arrow", "meta.arrow"])
@pytest.mark.parametrize("how", ["gone", "short", "empty", "noise"])
def test_damage_is_refused(tmp_path: Path, name: str, how: str) -> None:
    path = save_dataset(table(), tmp_path / "d") / name
    content = path.read_bytes()
    damaged = {"short": content[: len(content) // 2], "empty": b"", "noise": b"noise" * 99}
    path.unlink() if how == "gone" else path.write_bytes(damaged[how])
    with pytest.raises(BadData) as error:
        load_dataset_folder(tmp_path / "d")
    assert str(error.value) == "The saved dataset d is damaged. Open the original file again."


def test_changed_content_is_refused(tmp_path: Path) -> None:
    data = pictures()
    path = save_dataset(data, tmp_path / "d") / "x.npy"
    changed = data.x.copy()
    changed[3, 1, 1, 1] ^= 1
    np.save(path, changed)
    with pytest.raises(BadData, match="damaged"):
        load_dataset_folder(tmp_path / "d")


@pytest.mark.parametrize(
    "change",
    [{"format": 1}, {"classes": 3}, {"roles": {"x": 1}}, {"columns": ["age"]}, {"columns": ["no"]}],
)
def test_a_changed_description_is_refused(tmp_path: Path, change: dict) -> None:
    path = save_dataset(table(), tmp_path / "d") / "dataset.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(BadData) as error:
        load_dataset_folder(tmp_path / "d")
    assert len(str(error.value).splitlines()) == 1


def test_object_arrays_are_never_unpickled(tmp_path: Path) -> None:
    place = save_dataset(table(), tmp_path / "d")
    for name in ("ids", "y", "split"):
        np.save(place / f"{name}.npy", np.array([{}] * 20, object))
        with pytest.raises(BadData, match="damaged"):
            load_dataset_folder(place)


def mapped(array: np.ndarray) -> bool:
    """Whether an array is a view of a file."""
    start = array.__array_interface__["data"][0]
    for line in Path("/proc/self/maps").read_text().splitlines():
        low, high = (int(end, 16) for end in line.split()[0].split("-"))
        if low <= start < high:
            return line.split()[4] != "0"  # inode
    raise AssertionError


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="the system tells no maps")
def test_what_is_opened_stays_on_the_disk(tmp_path: Path) -> None:
    data = load_dataset_folder(save_dataset(table(), tmp_path / "t"))
    texts = np.frombuffer(pa.array(data.meta["name"]).buffers()[2], np.uint8)
    for array in (
        data.ids, data.x["age"].to_numpy(), data.x["count"].to_numpy(), data.x["town"].array.codes,
        data.meta["age"].to_numpy(), texts,
    ):  # fmt: skip
        assert mapped(array)
    assert mapped(load_dataset_folder(save_dataset(pictures(), tmp_path / "p")).x)
    assert not mapped(np.zeros(10**6))


def test_columns_of_the_metadata_are_kept_once(tmp_path: Path) -> None:
    place = save_dataset(table(), tmp_path / "d")
    with pa.ipc.open_file(place / "x.arrow") as file:
        assert file.schema.names == ["count"]
    data = table()
    same = replace(data, meta=data.meta.assign(count=data.x["count"]))
    assert not (save_dataset(same, tmp_path / "e") / "x.arrow").exists()
    other = replace(data, meta=data.meta.assign(count=data.x["count"] + 1))
    again = load_dataset_folder(save_dataset(other, tmp_path / "f"))
    assert_frame_equal(again.x, data.x)


def test_the_digest_does_not_depend_on_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    before = [table().digest, pictures().digest]
    for name in ("ROWS", "MOST_TEXTS", "BLOCK"):
        monkeypatch.setattr(address, name, 7)
    assert [digest(table()), digest(pictures())] == before
