"""Hugging Face datasets, in each layout that their library writes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from disgorge_core.data.reading.found import Found
from disgorge_core.data.reading.limits import Limits
from disgorge_core.data.reading.process import read_apart
from tests.data import huggingface as hf
from tests.data.pictures import encoded, pixels
from tests.data.refusals import refused

pytestmark = pytest.mark.usefixtures("read_here")
N = 10
FEATURES: dict[str, Any] = {
    "text": {"dtype": "string", "_type": "Value"},
    "label": {"names": ["neg", "pos"], "_type": "ClassLabel"},
    "tags": {"feature": {"dtype": "string", "_type": "Value"}, "_type": "List"},
    "score": {"dtype": "float32", "_type": "Value"},
}
TEXTS = pa.table(
    {
        "text": [f"hello {i}" for i in range(N)],
        "label": pa.array([i % 2 if i else -1 for i in range(N)]),
        "tags": pa.array([["a", "b"]] * N),
        "score": pa.array(np.arange(N), pa.float32()),
    }
)
LABELS = [None, *(["pos", "neg"] * 5)[: N - 1]]


def pictures_of(arrays: list[Any]) -> pa.Table:
    files = [{"bytes": encoded(array), "path": f"{i}.png"} for i, array in enumerate(arrays)]
    return pa.table(
        {"image": pa.array(files, hf.PICTURE), "label": [i % 2 for i in range(len(arrays))]}
    )


def read(folder: Path, tmp_path: Path) -> Found:
    """The folder as it is; its zip must give the same."""
    found = read_apart(folder)
    archive = shutil.make_archive(str(tmp_path / "packed"), "zip", folder.parent, folder.name)
    again = read_apart(Path(archive))
    assert again.table.equals(found.table)
    assert again.notes == found.notes
    return found


def test_one_dataset_in_two_shards(tmp_path: Path) -> None:
    hf.save_to_disk(TEXTS, tmp_path / "d", FEATURES, shards=2)
    found = read(tmp_path / "d", tmp_path)
    assert found.table.to_pydict() == {
        "text": TEXTS["text"].to_pylist(), "label": LABELS, "score": TEXTS["score"].to_pylist(),
    }  # fmt: skip
    assert found.notes == ("Columns of more than one value were left out: tags.",)


def test_features_beside_the_files_do_too(tmp_path: Path) -> None:
    hf.save_to_disk(TEXTS, tmp_path / "d", FEATURES)
    path = tmp_path / "d" / "data-00000-of-00001.arrow"
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, TEXTS.schema) as out:
        out.write_table(TEXTS)
    assert read(tmp_path / "d", tmp_path).table["label"].to_pylist() == LABELS
    (tmp_path / "d" / "dataset_info.json").unlink()
    assert read(tmp_path / "d", tmp_path).table["label"].to_pylist() == TEXTS["label"].to_pylist()


@pytest.mark.parametrize("save", [hf.save_dict, hf.save_repository])
def test_splits_are_a_column(tmp_path: Path, save: Any) -> None:
    parts = {"train": TEXTS, "validation": TEXTS[:2], "test": TEXTS[:3], "unsupervised": TEXTS[:4]}
    save(parts, tmp_path / "d", FEATURES)
    (tmp_path / "d" / "cache-1234.arrow").write_bytes(b"left by the library")
    found = read(tmp_path / "d", tmp_path)
    expected = ["test"] * 3 + ["train"] * N + ["validation"] * 2
    assert found.table["split"].to_pylist() == expected
    texts = [text for split in ("test", "train", "validation") for text in parts[split]["text"]]
    assert found.table["text"].to_pylist() == [text.as_py() for text in texts]
    assert "left out: unsupervised" in found.notes[0]


@pytest.mark.parametrize("save", [hf.save_dict, hf.save_repository])
def test_pictures_are_decoded(tmp_path: Path, save: Any) -> None:
    arrays = [pixels(8, 6, 3) for _ in range(5)]
    features = {"image": {"_type": "Image"}, "label": FEATURES["label"]}
    save({"train": pictures_of(arrays), "test": pictures_of(arrays[:2])}, tmp_path / "d", features)
    found = read(tmp_path / "d", tmp_path)
    assert np.array_equal(found.pictures, [*arrays[:2], *arrays])
    assert found.table.column_names == ["label", "split"]
    assert found.table["label"].to_pylist() == ["neg", "pos", "neg", "pos", "neg", "pos", "neg"]


def test_a_single_parquet_file_with_features(tmp_path: Path) -> None:
    pq.write_table(hf.told(TEXTS, FEATURES), tmp_path / "a.parquet")
    assert read_apart(tmp_path / "a.parquet").table["label"].to_pylist() == LABELS
    plain = TEXTS.drop_columns(["tags"])
    pq.write_table(plain, tmp_path / "a.parquet")
    assert read_apart(tmp_path / "a.parquet").table.column_names == ["text", "label", "score"]


def test_datasets_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    hf.save_repository({"train": TEXTS}, tmp_path / "d" / "one", FEATURES)
    hf.save_repository({"train": TEXTS}, tmp_path / "d" / "two", FEATURES)
    assert "2 datasets in it: 'one/data', 'two/data'" in refused(tmp_path / "d")
    parts = {"train": TEXTS, "test": TEXTS.drop_columns(["label"])}
    hf.save_dict(parts, tmp_path / "e", FEATURES)
    assert "The columns of 'train' are not those of 'test'" in refused(tmp_path / "e")


def test_pictures_outside_of_the_files_are_refused(tmp_path: Path) -> None:
    files = [{"bytes": None, "path": "/etc/passwd"}] * 2
    table = pa.table({"image": pa.array(files, hf.PICTURE), "label": [0, 1]})
    hf.save_to_disk(table, tmp_path / "d", {})
    assert "The picture of row 1 is not in the file" in refused(tmp_path / "d")


@pytest.mark.parametrize("name", ["data-00000-of-00001.arrow", "train-00000-of-00001.parquet"])
@pytest.mark.parametrize(
    "content", [b"", b"PAR1", b"PAR1" * 99, b"\xff\xff\xff\xff" + b"\x70" * 99]
)
def test_damaged_shards_are_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / name).write_bytes(content)
    assert "damaged or cut short" in refused(tmp_path / "d")


def test_names_that_repeat_without_end_are_counted(tmp_path: Path) -> None:
    features = {"label": {"names": ["x" * 10**6, "y"], "_type": "ClassLabel"}}
    table = pa.table({"label": pa.array(np.zeros(10_000, int)), "n": np.arange(10_000)})
    hf.save_to_disk(table, tmp_path / "d", features)
    assert "GB of memory" in refused(tmp_path / "d", Limits(table=10**8))


@pytest.mark.parametrize(
    "stated", ["[]", "{}", "[" * 10**5, '{"info": 3}', '{"info": {"features": []}}']
)
def test_features_of_another_form_say_nothing(tmp_path: Path, stated: str) -> None:
    table = pa.table({"label": [0, 1], "n": [1, 2]})
    table = table.replace_schema_metadata({b"huggingface": stated.encode()})
    pq.write_table(table, tmp_path / "a.parquet")
    if stated.startswith("[["):
        assert "damaged" in refused(tmp_path / "a.parquet")
    else:
        assert read_apart(tmp_path / "a.parquet").table["label"].to_pylist() == [0, 1]
