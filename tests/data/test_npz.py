"""NumPy archives against NumPy itself, and archives that no NumPy would write."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from disgorge_core.data.reading.found import Found
from disgorge_core.data.reading.limits import Limits
from disgorge_core.data.reading.process import read_apart
from tests.data.refusals import refused

pytestmark = pytest.mark.usefixtures("read_here")
RNG = np.random.default_rng(0)
Y = np.arange(6) % 2
GREY = RNG.integers(0, 256, (6, 5, 4)).astype(np.uint8)
COLOUR = RNG.integers(0, 256, (6, 5, 4, 3)).astype(np.uint8)


def written(tmp_path: Path, **arrays: Any) -> Path:
    np.savez_compressed(tmp_path / "a.npz", **arrays)
    return tmp_path / "a.npz"


def read(tmp_path: Path, **arrays: Any) -> Found:
    return read_apart(written(tmp_path, **arrays))


def test_pictures_with_their_columns(tmp_path: Path) -> None:
    found = read(tmp_path, x=COLOUR, y=Y, ids=np.array(list("abcdef")), who=np.arange(6.0))
    assert isinstance(found.pictures, np.memmap)
    assert np.array_equal(found.pictures, COLOUR)
    assert found.table.to_pydict() == {
        "y": Y.tolist(), "ids": list("abcdef"), "who": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0],
    }  # fmt: skip
    assert found.notes == ()


@pytest.mark.parametrize(
    ("x", "expected", "says"),
    [
        (GREY, GREY[..., None], ""),
        (GREY / 255, GREY[..., None], "Values from 0 to 1"),
        ((GREY / 255).astype(np.float16), GREY[..., None], "Values from 0 to 1"),
        (GREY.astype(">i4"), GREY[..., None], ""),
        (GREY > 127, (GREY > 127)[..., None] * 255, "Values from 0 to 1"),
        (GREY.astype(np.float32), GREY[..., None], "Values from 0 to 255"),
        (np.moveaxis(COLOUR, -1, 1).copy(), COLOUR, "channels stood before"),
        (GREY[:, None].copy(), GREY[..., None], "channels stood before"),
    ],
)
def test_values_become_pixels(tmp_path: Path, x: Any, expected: Any, says: str) -> None:
    found = read(tmp_path, images=x, labels=Y)
    assert found.pictures.dtype == np.uint8
    assert np.array_equal(found.pictures, expected)
    assert says in " ".join(found.notes)
    assert bool(found.notes) == bool(says)


def test_each_split_with_arrays_of_its_own(tmp_path: Path) -> None:
    arrays = {"x_train": GREY, "y_train": Y, "x_test": GREY[:2], "y_test": Y[:2]}
    found = read(tmp_path, **arrays)
    assert np.array_equal(found.pictures[..., 0], np.concatenate([GREY, GREY[:2]]))
    assert found.table["split"].to_pylist() == ["train"] * 6 + ["test"] * 2
    names = {
        "train_images": GREY,
        "train_labels": Y[:, None],
        "val_images": GREY,
        "val_labels": Y[:, None],
    }
    found = read(tmp_path, **names, test_images=GREY, test_labels=Y[:, None])
    assert found.table["labels"].to_pylist() == [*Y] * 3
    assert found.table["split"].to_pylist() == ["train"] * 6 + ["validation"] * 6 + ["test"] * 6


def test_tables_and_texts(tmp_path: Path) -> None:
    x = RNG.normal(size=(6, 2))
    found = read(tmp_path, X=x, y=Y, feature_names=np.array(["age", "size"]), scalar=np.array(1))
    assert np.array_equal(found.frame[["age", "size"]].to_numpy(), x)
    assert found.frame["y"].tolist() == Y.tolist()
    assert found.pictures is None
    assert found.notes == ("Arrays without a value for each record were left out: scalar.",)
    found = read(tmp_path, arr_0=x.astype(np.float16), arr_1=Y)
    assert found.table.column_names == ["x0", "x1", "arr_1"]
    assert np.array_equal(found.frame["x0"], x[:, 0].astype(np.float16))
    found = read(tmp_path, text=np.array(["é", "b c", "", "d", "e", "f"]), label=Y.astype("S1"))
    assert found.table["text"].to_pylist() == ["é", "b c", "", "d", "e", "f"]
    assert found.table["label"].to_pylist() == [str(y) for y in Y]


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"x": np.array([{}] * 6, object), "y": Y}, "The array 'x' holds Python objects"),
        ({"x": GREY, "y": np.array([None] * 6)}, "The array 'y' holds Python objects"),
        ({"x": np.zeros(6, [("a", "i4"), ("b", "f4")]), "y": Y}, "The array 'x' holds"),
        ({"x": GREY.astype(complex), "y": Y}, "The array 'x' holds complex128"),
        ({"x": np.asfortranarray(GREY), "y": Y}, "'x' is in Fortran order"),
        ({"x": GREY - 3.0, "y": Y}, "run from -3 to 2"),
        ({"x": GREY * 2.0, "y": Y}, "from 0 to 255, or numbers from 0 to 1"),
        ({"x": np.where(GREY > 9, np.nan, 0.5), "y": Y}, "run from nan to nan"),
        ({"x": GREY, "y": Y[:3]}, "no array of labels beside the pictures"),
        ({"a": Y, "b": Y}, "no array x of records, but a (6,), b (6,)"),
        ({"x": COLOUR[..., None], "y": Y}, "of shape (6, 5, 4, 3, 1)"),
        ({"x": np.zeros((6, 5, 4, 7)), "y": Y}, "4 x 5 with 7 channels"),
        ({"x": np.zeros((2, 2000, 3)), "y": Y[:2]}, "3 x 2,000 with 1 channels"),
        ({"x": np.zeros((2, 5001)), "y": Y[:2]}, "5,001 columns"),
        ({"x": np.zeros((6, 2)), "x0": Y}, "Two columns are named 'x0'"),
        ({"x_train": GREY, "x_test": GREY, "y_train": Y}, "'test' are not like those of 'train'"),
    ],
)
def test_arrays_that_are_no_dataset(tmp_path: Path, arrays: dict[str, Any], says: str) -> None:
    assert says in refused(written(tmp_path, **arrays))


def header(shape: tuple[int, ...], descr: str = "<f8") -> bytes:
    buffer = io.BytesIO()
    head = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_2_0(buffer, head)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        header((10**12, 10**6)), header((2**62, 4)), header((6, 3)) + bytes(6 * 3 * 8 - 1),
        header((-6, -3)) + bytes(6 * 3 * 8), header((6, 3), "<U100000000") + bytes(100),
        header((6,)) + bytes(6 * 8 + 1), b"\x93NUMPY\x03\x00", b"\x93NUMPY\x01\x00\xff\xff{", b"", b"x" * 999,
    ],
)  # fmt: skip
def test_headers_that_lie_are_refused_before_anything_is_read(
    tmp_path: Path, content: bytes
) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", content)
    refused(tmp_path / "a.npz")


def test_what_does_not_fit_the_limits_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, x=np.zeros((1000, 50)), y=np.zeros(1000, int))
    assert "GB of memory" in refused(path, Limits(table=10**5))
    pictures = np.zeros((1000, 50, 50), np.uint8)
    path = written(tmp_path, x=pictures, y=np.zeros(1000, int))
    assert "would unpack to" in refused(path, Limits(disk=2 * 10**6))
    assert "The pictures need" in refused(path, Limits(disk=4 * 10**6))
    assert read_apart(path, Limits(disk=6 * 10**6)).pictures.shape == (1000, 50, 50, 1)
