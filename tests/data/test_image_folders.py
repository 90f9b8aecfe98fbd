"""Pictures in folders, in a zip or not, against Pillow's own reading of the same files."""

from __future__ import annotations

import struct
import zipfile
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from disgorge_core.data.reading import images
from disgorge_core.data.reading.process import read_apart
from tests.data.pictures import encoded, pixels, zipped
from tests.data.refusals import refused

pytestmark = pytest.mark.usefixtures("read_here")


def columns(tmp_path: Path, *names: str) -> dict[str, list]:
    """The table of a zip of pictures with these names."""
    files = {name: encoded(pixels()) for name in names}
    return read_apart(zipped(tmp_path / "a.zip", files)).table.to_pydict()


def one(tmp_path: Path, content: bytes, size: int = 0) -> tuple[Any, tuple[str, ...]]:
    """Pixels and notes of a single picture."""
    path = zipped(tmp_path / "a.zip", {"cat/1": b"", "cat/1.png": content})
    found = read_apart(path, size=size)
    return found.pictures[0], found.notes[:-1]


def test_class_and_split_are_the_folders(tmp_path: Path) -> None:
    assert columns(tmp_path, "dog/2.png", "cat/1.png", "cat/sub/3.JPG") == {
        "path": ["cat/1.png", "cat/sub/3.JPG", "dog/2.png"], "label": ["cat", "cat", "dog"],
        "folder": ["", "sub", ""],
    }  # fmt: skip
    found = columns(tmp_path, "all/Train/cat/1.png", "all/val/cat/2.png", "all/test/dog/3.png")
    assert found["label"] == ["cat", "dog", "cat"]
    assert found["split"] == ["train", "test", "validation"]
    assert "folder" not in found
    assert "split" not in columns(tmp_path, "train/cat/1.png", "train/dog/1.png")
    assert columns(tmp_path, "train/1.png", "bus/1.png")["label"] == ["bus", "train"]


def test_a_folder_is_read_as_its_zip_is(tmp_path: Path) -> None:
    files = {f"{'ab'[i % 2]}/{i}.png": encoded(pixels(8, 8, 3)) for i in range(6)}
    packed = read_apart(zipped(tmp_path / "a.zip", {**files, "._x": b"", "__MACOSX/a/1.png": b""}))
    for name, content in files.items():
        (tmp_path / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "folder" / name).write_bytes(content)
    lying = read_apart(tmp_path / "folder")
    assert packed.table.equals(lying.table)
    assert np.array_equal(packed.pictures, lying.pictures)
    assert packed.notes == lying.notes == ()
    assert isinstance(packed.pictures, np.memmap)


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "WEBP"])
@pytest.mark.parametrize("channels", [0, 3])
def test_pixels_are_kept(tmp_path: Path, kind: str, channels: int) -> None:
    array = pixels(8, 6, channels)
    if kind == "GIF":
        array //= 64  # few colours, so that none is lost
    content = encoded(array, kind, **({"lossless": True} if kind == "WEBP" else {}))
    with Image.open(BytesIO(content)) as image:
        mode = "L" if image.mode == "L" else "RGB"
        expected = np.asarray(image.convert(mode)).reshape(8, 6, -1)
    found, notes = one(tmp_path, content)
    assert np.array_equal(found, expected)
    assert notes == ()


def test_grey_among_colour_becomes_colour(tmp_path: Path) -> None:
    grey, colour = pixels(), pixels(8, 6, 3)
    files = {"a/1.png": encoded(grey), "b/2.png": encoded(colour)}
    found = read_apart(zipped(tmp_path / "a.zip", files)).pictures
    assert np.array_equal(found[0], np.repeat(grey[..., None], 3, axis=2))
    assert np.array_equal(found[1], colour)


def test_deep_grey_keeps_its_upper_half(tmp_path: Path) -> None:
    deep = np.arange(48, dtype=np.uint16).reshape(8, 6) * 1000
    found, _ = one(tmp_path, encoded(deep))
    assert np.array_equal(found[..., 0], deep // 256)


def test_transparency_is_laid_on_white(tmp_path: Path) -> None:
    array = pixels(8, 6, 4)
    found, notes = one(tmp_path, encoded(array))
    share = array[..., 3:] / 255
    expected = array[..., :3] * share + 255 * (1 - share)
    assert np.abs(found - expected).max() <= 1
    assert notes == ("Laid on white, for a layer of transparency: 1 of 1 pictures.",)


def test_a_turned_photograph_stands_upright(tmp_path: Path) -> None:
    array = np.zeros((16, 32, 3), np.uint8)
    array[:, :16] = 255
    about = Image.Exif()
    about[0x0112] = 6  # to be turned by 90° clockwise
    found, _ = one(tmp_path, encoded(array, "JPEG", quality=95, exif=about))
    assert found.shape == (32, 16, 3)
    assert found[:12].min() > 200
    assert found[20:].max() < 55


def test_a_moving_picture_shows_its_first_frame(tmp_path: Path) -> None:
    frames = [Image.fromarray(pixels() // 64) for _ in range(3)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    found, notes = one(tmp_path, (tmp_path / "a.gif").read_bytes())
    assert np.array_equal(found[..., 0], np.asarray(frames[0]))
    assert notes == ("Only the first frame was read: 1 of 1 pictures.",)


def shape_of(
    tmp_path: Path, *sizes: tuple[int, int], size: int = 0
) -> tuple[tuple, tuple[str, ...]]:
    files = {f"{'ab'[i % 2]}/{i}.png": encoded(pixels(h, w)) for i, (h, w) in enumerate(sizes)}
    found = read_apart(zipped(tmp_path / "a.zip", files), size=size)
    return found.pictures.shape[1:3], found.notes


def test_pictures_get_one_size(tmp_path: Path) -> None:
    assert shape_of(tmp_path, (8, 6), (8, 6)) == ((8, 6), ())
    assert shape_of(tmp_path, (8, 6), (8, 6), (20, 20)) == (
        (8, 6), ("Resized to 6 x 8: 1 of 3 pictures.",)
    )  # fmt: skip
    assert shape_of(tmp_path, (10, 10), (20, 30), (31, 50))[0] == (20, 30)
    assert shape_of(tmp_path, (256, 128), (256, 128))[0] == (64, 32)
    assert shape_of(tmp_path, (256, 128), size=128)[0] == (128, 64)
    assert shape_of(tmp_path, (8, 6), (8, 6), size=16)[0] == (16, 12)


def test_a_resized_picture_is_pillows(tmp_path: Path) -> None:
    array = pixels(100, 80, 3)
    expected = Image.fromarray(array).resize((26, 32), Image.Resampling.BICUBIC)
    found, _ = one(tmp_path, encoded(array), size=32)
    assert np.array_equal(found, np.asarray(expected))


# --- hostile --------------------------------------------------------------------------------------


def chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def png(width: int, height: int, content: bytes = b"") -> bytes:
    """A PNG that claims a size."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", content) + chunk(b"IEND", b"")
    )


GOOD = encoded(np.zeros((8, 8), np.uint8))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "damaged, or none of PNG"),
        (b"no picture", "damaged, or none of PNG"),
        (GOOD[:40], "damaged, or none of PNG"),
        (GOOD[:43] + b"\xff" + GOOD[44:], "damaged, or none of PNG"),
        (png(8, 8), "damaged, or none of PNG"),
        (png(0, 8), "damaged, or none of PNG"),
        (png(9000, 9000), "81,000,000 pixels"),
        (png(12_000, 12_000), "pixels. Make it smaller"),
        (png(2**31 - 1, 2**31 - 1), "too many pixels"),
        (png(8, 8, zlib.compress(bytes(10**7))), ""),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "damaged, or none of PNG"),
        (b"/* XPM */\nstatic char * x[] = {\n", "damaged, or none of PNG"),
    ],
)
def test_bad_pictures_are_named(tmp_path: Path, content: bytes, says: str) -> None:
    path = zipped(tmp_path / "a.zip", {"a/1.png": content, "b/2.png": GOOD})
    if says:
        assert says in refused(path)
    else:  # more pixels than the header says: the rest is not decoded
        assert read_apart(path).pictures.shape == (2, 8, 8, 1)


def test_a_picture_of_too_many_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MOST_BYTES", 1000)
    path = zipped(tmp_path / "a.zip", {"a/1.png": encoded(pixels(60, 60))})
    assert "'a/1.png' has 0.0 MB, the limit is 0 MB" in refused(path)


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["1.png", "2.png"], "'1.png' lies in no folder of a class. Pack folders named by class"),
        (["cat/1.png", "2.png"], "'2.png' lies in no folder"),
        (["cat/1.txt"], "no pictures in it"),
        (["a/1.svg"], "no pictures in it"),
    ],
)
def test_layouts_that_name_no_class(tmp_path: Path, names: list[str], says: str) -> None:
    assert says in refused(zipped(tmp_path / "a.zip", dict.fromkeys(names, GOOD)))


def test_an_empty_zip_holds_no_pictures(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w"):
        pass
    assert "no pictures in it" in refused(tmp_path / "a.zip")
