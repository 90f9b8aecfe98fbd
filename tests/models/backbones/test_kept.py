"""Features that were met before: found by content, across processes, never from a damaged file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from disgorge_core.models.backbones.backbone import content
from disgorge_core.models.backbones.kept import WORTH, Kept, key_of

WIDTH = 4


@dataclass(frozen=True)
class Folder:
    path: Path
    may: bool = True

    def make(self) -> bool:
        if self.may:
            self.path.mkdir()
        return self.may


def some(n: int, first: int = 0):
    keys = [key_of(bytes([first + i])) for i in range(n)]
    return keys, np.arange(first, first + n, dtype=np.float32)[:, None].repeat(WIDTH, 1)


def test_what_one_process_wrote_another_finds(tmp_path):
    place = Folder(tmp_path / "features")
    here, there = (Kept(WIDTH, place, "b") for _ in range(2))
    keys, values = some(20)
    assert there.missing(keys) == list(range(20))
    here.add(keys, values)
    assert there.missing([*keys[::-1], *some(2, 50)[0]]) == [20, 21]
    assert np.array_equal(there.of(keys[::-1]), values[::-1])
    assert Kept(WIDTH, place, "other").missing(keys) == list(range(20))


def test_few_wait_for_others(tmp_path):
    place = Folder(tmp_path / "features")
    kept = Kept(WIDTH, place, "b")
    for i in range(WORTH - 1):
        kept.add(*some(1, i))
    assert not place.path.exists()
    kept.add(*some(1, WORTH - 1))
    fresh = Kept(WIDTH, place, "b")
    assert fresh.missing(some(WORTH)[0]) == []
    assert np.array_equal(fresh.of(some(WORTH)[0]), some(WORTH)[1])


def test_a_content_is_computed_once():
    keys = some(3)[0]
    assert Kept(WIDTH, None, "b").missing([keys[1], keys[0], keys[1], keys[0]]) == [0, 1]


@pytest.mark.parametrize("how", ["cut", "flipped", "objects", "narrow", "nan"])
def test_a_damaged_stretch_is_computed_again(how, tmp_path):
    place = Folder(tmp_path / "features")
    keys, values = some(10)
    Kept(WIDTH, place, "b").add(keys, values)
    (path,) = place.path.glob("b/*.npz")
    raw = np.frombuffer(b"".join(keys), np.uint8).reshape(10, -1)
    if how == "cut":
        path.write_bytes(path.read_bytes()[:100])
    elif how == "flipped":
        content = bytearray(path.read_bytes())
        content[content.index(values[5].tobytes())] ^= 255
        path.write_bytes(content)
    elif how == "objects":
        np.savez(path, keys=raw, values=np.array([None] * 10, dtype=object))
    elif how == "narrow":
        np.savez(path, keys=raw, values=values[:, :2])
    else:
        np.savez(path, keys=raw, values=values * np.float32(np.nan))
    assert Kept(WIDTH, place, "b").missing(keys) == list(range(10))


def test_nothing_is_kept_where_nothing_may_be(tmp_path):
    place = Folder(tmp_path / "features", may=False)
    kept = Kept(WIDTH, place, "b")
    kept.add(*some(20))
    assert not place.path.exists() and kept.missing(some(20)[0]) == []


def test_what_was_purged_is_forgotten(tmp_path):
    place = Folder(tmp_path / "features")
    kept = Kept(WIDTH, place, "b")
    assert not kept.gone
    kept.add(*some(20))
    assert not kept.gone
    for path in sorted(place.path.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    place.path.rmdir()
    assert kept.gone


def test_records_differ_by_content_and_shape():
    a = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert content(a) != content(a.reshape(2, 3, 2)) and content(a) == content(a.copy())
    assert content("ä") != content("a") and content("\ud800")
