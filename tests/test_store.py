"""The workspace: whole or nothing, nothing outside, everything purged."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from disgorge_core import store
from disgorge_core.errors import StoreError
from disgorge_core.store import Workspace, building, checked_name, inside

DIGEST = "0123456789abcdef" * 4


def one_line(error: pytest.ExceptionInfo[BaseException]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def files(root: Path) -> set[str]:
    return {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()}


def fail_with(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def broken(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(store.os, "fsync", broken)


def test_json_comes_back_and_replaces_the_old(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.json"
    store.write_json(path, {"b": [1, "é"], "a": None})
    store.write_json(path, {"b": [2, "é"], "a": None})
    assert store.read_json(path) == {"a": None, "b": [2, "é"]}
    assert files(tmp_path) == {"deep/a.json"}


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_damaged_json_is_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(StoreError) as error:
        store.read_json(tmp_path / "a.json")
    assert "a.json is damaged" in one_line(error)


def test_missing_json_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="json is missing"):
        store.read_json(tmp_path / "a.json")


def test_full_disk_leaves_the_old_content_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write_bytes(tmp_path / "a", b"old")
    fail_with(monkeypatch, errno.ENOSPC)
    with pytest.raises(StoreError) as error:
        store.write_bytes(tmp_path / "a", b"new")
    assert one_line(error).startswith("The disk is full")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert files(tmp_path) == {"a"}


def test_full_disk_while_a_folder_is_built_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_with(monkeypatch, errno.ENOSPC)
    with pytest.raises(StoreError, match="disk is full"), building(tmp_path / "model") as folder:
        (folder / "weights").write_bytes(b"half")
    assert list(tmp_path.iterdir()) == []


def test_other_disk_errors_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, errno.EIO)
    with pytest.raises(StoreError, match="cannot be used"):
        store.write_bytes(tmp_path / "a", b"new")


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(KeyError), building(tmp_path / "model") as folder:
        (folder / "weights").write_bytes(b"half")
        raise KeyError
    assert list(tmp_path.iterdir()) == []
    with building(tmp_path / "model") as folder:
        (folder / "weights").write_bytes(b"whole")
        assert not (tmp_path / "model").exists()
    assert files(tmp_path) == {"model/weights"}


def test_a_folder_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine").write_bytes(b"mine")
    with pytest.raises(StoreError, match="already there"), building(tmp_path / "model") as folder:
        (folder / "theirs").write_bytes(b"theirs")
    assert files(tmp_path) == {"model/mine"}


def test_the_same_digest_twice_is_kept_once(tmp_path: Path) -> None:
    work = Workspace(tmp_path / "work")
    for content in (b"first", b"second"):
        folder = work.new_folder()
        (folder / "x").write_bytes(content)
        assert work.commit(folder, work.dataset(DIGEST)) == work.dataset(DIGEST)
    assert files(work.root) == {f"datasets/{DIGEST}/x"}
    assert (work.dataset(DIGEST) / "x").read_bytes() == b"first"


def test_killed_writers_leave_whole_files(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from disgorge_core.store import write_bytes\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "for i in range(10**9): write_bytes(path, bytes([i % 256]) * 300_000); print(i, flush=True)"
    )
    path = tmp_path / "a"
    writer = subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    for _ in range(5):
        assert writer.stdout.readline()
    time.sleep(0.01)
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    content = path.read_bytes()
    assert len(content) == 300_000
    assert len(set(content)) == 1


def test_old_leftovers_go_at_the_start_and_young_ones_stay(tmp_path: Path) -> None:
    old, young = tmp_path / "datasets" / "tmp-old", tmp_path / "tmp-young"
    for folder in (old, young):
        folder.mkdir(parents=True)
        (folder / "part").write_bytes(b"x")
    for path in (old, old / "part"):
        os.utime(path, (1, 1))
    os.utime(young, (1, 1))  # an old folder in which something was written just now
    Workspace(tmp_path)
    assert files(tmp_path) == {"tmp-young/part"}


def test_purge_lists_every_file_that_went(tmp_path: Path) -> None:
    work = Workspace(tmp_path / "work")
    store.write_bytes(work.case("one") / "runs" / "a", b"12345")
    store.write_bytes(work.case("two") / "b", b"1")
    store.write_bytes(work.model(DIGEST) / "w", b"1234")
    assert work.disk_used() == 10
    gone = work.purge([work.case("one"), work.model(DIGEST), work.case("never")])
    assert gone == ("cases/one/runs/a", f"models/{DIGEST}/w")
    assert files(work.root) == {"cases/two/b"}
    assert work.disk_used() == 1


def test_purge_removes_a_link_and_not_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"x")
    work = Workspace(tmp_path / "work")
    (work.root / "link").symlink_to(tmp_path / "precious")
    assert work.purge(["link"]) == ("link",)
    assert (tmp_path / "precious").exists()


@pytest.mark.parametrize(
    "path", ["..", ".", "", "a/..", "../x", "/etc/passwd", "link/x", "a/../.."]
)
def test_purge_and_paths_stay_inside(tmp_path: Path, path: str) -> None:
    work = Workspace(tmp_path / "work")
    (work.root / "a").mkdir()
    (work.root / "link").symlink_to(tmp_path)
    (tmp_path / "x").write_bytes(b"x")
    with pytest.raises(StoreError) as error:
        work.purge([path])
    assert "out of the workspace" in one_line(error)
    with pytest.raises(StoreError, match="out of the workspace"):
        work.path(path)
    assert (tmp_path / "x").exists()


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(alphabet=st.sampled_from("ab./\\~\0\n%-_é$ "), max_size=12))
def test_no_text_leads_out(tmp_path: Path, text: str) -> None:
    try:
        found = inside(tmp_path, text)
    except StoreError as error:
        assert "\n" not in str(error)
    else:
        assert found.is_relative_to(tmp_path.resolve())
        assert found != tmp_path.resolve()
    try:
        name = checked_name(text)
    except StoreError as error:
        assert "\n" not in str(error)
    else:
        assert (tmp_path / name).resolve().parent == tmp_path.resolve()


@pytest.mark.parametrize("name", ["", "..", "a/b", "tmp-a", "a" * 81, "é", "a.b", "-a", "a\n"])
def test_names_that_cannot_stand_in_a_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError) as error:
        Workspace(tmp_path).case(name)
    assert "cannot name" in one_line(error)


@pytest.mark.parametrize("digest", ["", "abc", "../" + DIGEST, DIGEST.upper(), DIGEST + "\n"])
def test_digests_are_checked(tmp_path: Path, digest: str) -> None:
    with pytest.raises(StoreError) as error:
        Workspace(tmp_path).model(digest)
    assert "no digest" in one_line(error)


def test_the_root_comes_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISGORGE_HOME", str(tmp_path / "home"))
    assert Workspace().root == (tmp_path / "home").resolve()


def test_a_root_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="cannot be used"):
        Workspace(tmp_path / "file")
