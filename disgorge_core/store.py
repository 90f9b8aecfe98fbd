"""The workspace on disk: a kill at any moment loses nothing that was shown as done.

Every write goes to a temporary name in the same folder, is forced to the disk, then renamed: a reader
sees the old content or the new one, never a half. Datasets and models lie under their digest.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from disgorge_core.errors import StoreError

TEMPORARY = "tmp-"
LEFTOVER_AFTER = 3600.0  # seconds
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")
DIGEST = re.compile(r"[0-9a-f]{64}")
FULL = (errno.ENOSPC, errno.EDQUOT)


def inside(root: Path, path: Path | str) -> Path:
    """The resolved path, which must lie below `root`; raises StoreError where it does not."""
    try:
        found = (root / path).resolve()
    except (ValueError, OSError, RuntimeError):  # a NUL character, a loop of links
        raise _outside() from None
    if root.resolve() not in found.parents:
        raise _outside()
    return found


def _outside() -> StoreError:
    return StoreError("The path leads out of the workspace.", "Use the name of an entry in it.")


def checked_name(name: str) -> str:
    """The name itself if it can stand in a path; raises StoreError if not."""
    if not NAME.fullmatch(name) or name.startswith(TEMPORARY):
        raise StoreError(
            f"{name[:40]!r} cannot name an entry of the workspace.",
            "Use up to 80 letters, digits, - and _.",
        )
    return name


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn the operating system's errors into one sentence; raises StoreError."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise StoreError(
                "The disk is full, so nothing was saved.", "Free some space, then try again."
            ) from error
        raise StoreError(
            f"The workspace cannot be used: {error.strerror or error}.",
            "Check the folder and its permissions.",
        ) from error


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`: the file written there takes its place at the end, or none does.

    Raises StoreError.
    """
    temporary = path.parent / f"{TEMPORARY}{uuid.uuid4().hex}"
    with plain_errors():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            _force(temporary)
            temporary.replace(path)
            _force(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file's content as a whole or not at all; raises StoreError."""
    with writing(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, value: Any) -> None:
    """Replace a file by the JSON of a plain value, as a whole or not at all; raises StoreError."""
    write_bytes(path, json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1).encode())


def read_json(path: Path) -> Any:
    """The plain value of a JSON file; raises StoreError where it is missing or damaged."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise StoreError(f"{path.name} is missing.", "Open or make the entry again.") from None
    except (OSError, ValueError, RecursionError):
        raise StoreError(f"{path.name} is damaged.", "Open or make the entry again.") from None


@contextmanager
def building(final: Path) -> Iterator[Path]:
    """A temporary folder beside `final`, renamed to it at the end, gone after an error; StoreError."""
    with plain_errors():
        folder = _temporary_folder(final.parent)
        try:
            yield folder
            commit(folder, final)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _temporary_folder(parent: Path) -> Path:
    folder = parent / f"{TEMPORARY}{uuid.uuid4().hex}"
    folder.mkdir(parents=True)
    return folder


def commit(folder: Path, final: Path) -> Path:
    """Force a finished folder to the disk, then give it its name; raises StoreError if that is taken."""
    with plain_errors():
        for path in [*folder.rglob("*"), folder]:
            _force(path)
        final.parent.mkdir(parents=True, exist_ok=True)
        try:
            folder.rename(final)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise StoreError(
                    f"{final.name} is already there.", "Choose another name."
                ) from None
            raise
        _force(final.parent)
    return final


def _force(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Workspace:
    """A folder with `datasets/<digest>`, `models/<digest>` and `cases/<id>`."""

    def __init__(self, root: Path | str | None = None) -> None:
        """Open or make it; `root` None means DISGORGE_HOME, else ./workspace. Raises StoreError."""
        self.root = Path(root or os.environ.get("DISGORGE_HOME") or "workspace").resolve()
        with plain_errors():
            self.root.mkdir(parents=True, exist_ok=True)
            self._clean()

    def dataset(self, digest: str) -> Path:
        """Folder of a dataset, there or not."""
        return self._addressed("datasets", digest)

    def model(self, digest: str) -> Path:
        """Folder of a model, there or not."""
        return self._addressed("models", digest)

    def case(self, name: str) -> Path:
        """Folder of a case, there or not."""
        return self.root / "cases" / checked_name(name)

    def _addressed(self, kind: str, digest: str) -> Path:
        if not DIGEST.fullmatch(digest):
            raise StoreError(f"{digest[:40]!r} is no digest.", "Digests are 64 digits 0-9, a-f.")
        return self.root / kind / digest

    def path(self, relative: Path | str) -> Path:
        """A path in the workspace; raises StoreError where it leads out of it."""
        return inside(self.root, relative)

    def new_folder(self) -> Path:
        """A fresh temporary folder to build an entry in; `commit` names it."""
        with plain_errors():
            return _temporary_folder(self.root)

    def commit(self, folder: Path, final: Path) -> Path:
        """Name a finished folder; for a digest that is already there, the one that is there stays."""
        final = inside(self.root, final)
        if final.parent in (self.root / "datasets", self.root / "models") and final.is_dir():
            shutil.rmtree(folder)
            return final
        return commit(folder, final)

    def disk_used(self) -> int:
        """Bytes of all files."""
        return sum(_size(p) for p in _files(self.root))

    def purge(self, paths: Iterable[Path | str]) -> tuple[str, ...]:
        """Delete entries for good and list every file that went, relative to the root; StoreError."""
        gone: list[str] = []
        with plain_errors():
            for path in paths:
                gone += self._purge_one(self.root / path)
        return tuple(gone)

    def _purge_one(self, path: Path) -> list[str]:
        path = self._entry(path)
        if not path.is_symlink() and not path.exists():
            return []
        names = [str(p.relative_to(self.root)) for p in _files(path)]
        hidden = self.root / f"{TEMPORARY}{uuid.uuid4().hex}"
        path.rename(hidden)  # from here on no reader finds half an entry
        _remove(hidden)
        return names

    def _entry(self, path: Path) -> Path:
        """The entry itself, which may be a link: only its parent folder is resolved."""
        parent = inside(self.root.parent, path.parent)
        if path.name in ("", "..") or self.root not in (parent, *parent.parents):
            raise _outside()
        return parent / path.name

    def _clean(self) -> None:
        oldest = time.time() - LEFTOVER_AFTER
        for path in list(self.root.rglob(f"{TEMPORARY}*")):
            with suppress(FileNotFoundError):  # another process cleans too
                if _newest(path) < oldest:
                    _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _files(path: Path) -> list[Path]:
    if path.is_symlink() or path.is_file():
        return [path]
    return sorted(p for p in path.rglob("*") if p.is_symlink() or p.is_file())


def _newest(path: Path) -> float:
    return max(p.lstat().st_mtime for p in [path, *path.rglob("*")])


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):  # finished writing, or purged, since it was listed
        return path.lstat().st_size
    return 0
