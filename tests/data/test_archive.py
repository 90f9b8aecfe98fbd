"""Zips that want to write elsewhere, to unpack without end, or to hide something."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from disgorge_core.data.reading import archive
from disgorge_core.data.reading.limits import Limits
from tests.data.pictures import encoded, zipped
from tests.data.refusals import refused

pytestmark = pytest.mark.usefixtures("read_here")
GOOD = encoded(np.zeros((8, 8), np.uint8))


@pytest.mark.parametrize(
    "name",
    ["../a/1.png", "a/../../1.png", "/a/1.png", "C:/a/1.png", "a\\..\\..\\1.png", "a/1\n.png"],
)
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    harmless = "z" * len(
        name
    )  # replaced afterwards: zipfile itself would change some of these names
    path = zipped(tmp_path / "a.zip", {"a/0.png": GOOD, harmless: GOOD})
    path.write_bytes(path.read_bytes().replace(harmless.encode(), name.encode()))
    assert "leads out of the zip" in refused(path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.zip"]


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_are_refused(tmp_path: Path, kind: int) -> None:
    entry = zipfile.ZipInfo("cat/1.png")
    entry.external_attr = (kind | 0o644) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr(entry, "/etc/passwd")
    assert "'cat/1.png' in the zip is a link or a device" in refused(tmp_path / "a.zip")


def test_archives_in_the_archive_are_refused(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "in.zip", {"a/1.png": GOOD}).read_bytes()
    for name in ("a/in.zip", "a/in.TAR.GZ", "a/in.7z"):
        path = zipped(tmp_path / "a.zip", {"a/1.png": GOOD, name: inner})
        assert "holds another archive" in refused(path)


def test_a_bomb_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MUCH", 2**20)
    path = zipped(tmp_path / "a.zip", {f"a/{i}.png": bytes(2**23) for i in range(4)})
    assert path.stat().st_size < 10**5
    assert "would unpack to 0.0 GB" in refused(path)
    assert "would unpack to" in refused(zipped(path, {"a/1.png": bytes(10**6)}), Limits(disk=10**5))


def test_files_that_overlap_are_refused(tmp_path: Path) -> None:
    """One packed file that the directory lists a hundred times, each under its own name."""
    path = zipped(
        tmp_path / "a.zip", {f"a/{i:03d}.png": GOOD for i in range(100)}, zipfile.ZIP_STORED
    )
    content = path.read_bytes()
    start = content.index(b"PK\x01\x02")
    kept = content.index(b"PK\x03\x04", 4)  # the first file alone
    entries = bytearray(content[start:])
    for at in range(len(entries) - 4):
        if entries[at : at + 4] == b"PK\x01\x02":
            entries[at + 42 : at + 46] = struct.pack("<I", 0)
        if entries[at : at + 4] == b"PK\x05\x06":
            entries[at + 16 : at + 20] = struct.pack("<I", kept)
    path.write_bytes(content[:kept] + entries)
    assert len(zipfile.ZipFile(path).infolist()) == 100
    assert "overlap" in refused(path)


def test_sizes_that_lie_are_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a/1.png": encoded(np.zeros((64, 64), np.uint8))})
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\x01\x02")
    content[at + 24 : at + 28] = struct.pack("<I", 20)  # stated size; more is packed
    path.write_bytes(content)
    refused(path)


def test_a_locked_zip_twins_and_too_many_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = zipped(tmp_path / "a.zip", {"a/1.png": GOOD})
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    assert "locked with a password" in refused(path)
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = zipped(path, {"a/1.png": GOOD})
        with zipfile.ZipFile(path, "a") as packed:
            packed.writestr("a/1.png", GOOD)
    assert "have the same name" in refused(path)
    monkeypatch.setattr(archive, "MOST_FILES", 3)
    path = zipped(path, {f"a/{i}.png": GOOD for i in range(4)})
    assert "The zip holds 4 files. Pack at most 3" in refused(path)


@pytest.mark.parametrize("keep", [4, 30, 0.5, 0.9])
def test_a_cut_zip_is_refused(tmp_path: Path, keep: float) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr("a/1.png", GOOD)
    content = buffer.getvalue()
    (tmp_path / "a.zip").write_bytes(content[: int(keep if keep > 1 else keep * len(content))])
    assert "damaged or cut short" in refused(tmp_path / "a.zip")


def test_damage_inside_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a/1.png": encoded(np.zeros((64, 64), np.uint8))})
    content = bytearray(path.read_bytes())
    content[60] ^= 0xFF
    path.write_bytes(content)
    assert "damaged" in refused(path)
