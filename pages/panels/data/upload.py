"""A new case from the user's own file or folder: uploaded, or named by its path on this computer."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from disgorge_core.data.loading import read_file
from disgorge_core.data.reading.found import Found
from disgorge_core.data.roles import Guess, guess_roles
from disgorge_core.errors import BadData
from disgorge_core.registry import DATA_FORMATS
from disgorge_core.store import TEMPORARY
from disgorge_core.types import digest_of
from pages.common import messages, state
from pages.common.local import on_this_computer
from pages.common.services import cases
from pages.panels.data import parts

SIDES = (0, 28, 32, 64, 96, 128, 224)  # longer side of pictures, in pixels


def draw() -> None:
    """The uploader, and for a file that can be read its roles, preview and the button."""
    st.subheader("New case from a file", anchor=False)
    file = st.file_uploader(_label(), type=_suffixes(), key="upload_data")
    path = "" if file is not None or not on_this_computer() else _path()
    with messages.problems_in_words():
        if file is not None:
            _checked(file.file_id, Path(file.name), file)
        elif path:
            found = _absolute(path)
            _checked(_key(found), found, None)
    if state.ui().case and st.button("Back to the open case", key="upload_back"):
        state.put(new="")
        st.rerun()


def _label() -> str:
    titles = [kind.title for kind in reversed(DATA_FORMATS.values())]
    return f"{', '.join(titles[:-1])} or {titles[-1]}"


def _suffixes() -> list[str]:
    return list(dict.fromkeys(s for kind in DATA_FORMATS.values() for s in kind.suffixes))


def _path() -> str:
    return st.text_input(
        "or give the path of a file or folder on this computer", key="upload_path",
        placeholder="/home/me/pictures", help="For files beyond the limit, and for folders.",
    ).strip().strip("'\"")  # fmt: skip


def _absolute(path: str) -> Path:
    try:
        found = Path(path).expanduser()
    except RuntimeError:  # the home of a user who is none
        raise BadData("There is no such file.", "Choose a file that exists.") from None
    if not found.is_absolute():
        raise BadData(
            "The path does not start at the root.", f"Write all of it, as in {Path.home()}/..."
        )
    return found


def _key(path: Path) -> str:
    """Changes with the file."""
    try:
        about = path.stat()
    except (OSError, ValueError):  # reading says what is wrong
        return digest_of(str(path))[:16]
    return digest_of([str(path), about.st_mtime_ns, about.st_size])[:16]


def _checked(key: str, path: Path, file: UploadedFile | None) -> None:
    found = _read(key, int(st.session_state.get(f"side_{key}", 0)), path, file)
    if found.pictures is not None and getattr(DATA_FORMATS[found.format], "resizes", False):
        st.selectbox(
            "Longer side of the pictures, in pixels", SIDES, key=f"side_{key}", width=320,
            format_func=lambda side: str(side) if side else f"As most are, up to 64 ({_size(found)} here)",
        )  # fmt: skip
    guess = _guess(key, found)
    side = st.session_state.get(f"side_{key}", 0)
    name = path.stem or "my data"
    parts.draw(
        parts.Material(f"{key}_{side}", name, found.frame, guess, found.pictures, found.notes)
    )


def _size(found: Found) -> str:
    _, height, width, _ = found.pictures.shape
    return f"{width} x {height}"


@st.cache_resource(show_spinner="Reading the file", max_entries=2, scope="session")
def _read(key: str, side: int, _path: Path, _file: UploadedFile | None) -> Found:
    scratch = cases().workspace.root
    if _file is None:
        return read_file(_path, size=side, scratch=scratch)
    with TemporaryDirectory(prefix=TEMPORARY, dir=scratch) as place:
        path = Path(place) / f"upload{_path.suffix.lower()}"
        path.write_bytes(_file.getbuffer())
        return read_file(path, size=side, scratch=scratch)


@st.cache_resource(show_spinner=False, max_entries=2, scope="session")
def _guess(key: str, _found: Found) -> Guess:
    return guess_roles(_found.frame, _found.pictures is not None)
