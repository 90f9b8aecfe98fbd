"""A new case from the user's own file: read, check, correct the guessed roles, create."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from disgorge_core.data.loading import dataset_of, read_file
from disgorge_core.data.roles import Guess, guess_roles
from disgorge_core.registry import DATA_FORMATS
from disgorge_core.types import SPLITS, Dataset
from pages.common import messages, state
from pages.common.services import cases

NONE = "(none)"
PREVIEW = 100  # rows
PARTS = {
    "label": "What a model shall predict",
    "id": "Names a record for good; without it the row number does",
    "owner": "Whose record it is: an artist, a patient, a customer",
    "source": "Where it came from",
    "split": "Says train, validation or test; without it 70/10/20 % are drawn",
}
TASKS = {"": "Guess", "classification": "Classes", "regression": "Numbers"}


def draw() -> None:
    """The uploader, and for a file that can be read its roles, preview and the button."""
    st.subheader("New case from a file", anchor=False)
    limit = int(st.get_option("server.maxUploadSize"))
    suffixes = [suffix for kind in DATA_FORMATS.values() for suffix in kind.suffixes]
    titles = ", ".join(kind.title for kind in DATA_FORMATS.values())
    file = st.file_uploader(
        f"A table with one row a record: {titles}, up to {limit} MB",
        type=suffixes,
        key="upload_data",
    )
    if file is not None:
        with messages.problems_in_words():
            _checked(file)
    if state.ui().case and st.button("Back to the open case", key="upload_back"):
        state.put(new="")
        st.rerun()


def _checked(file: UploadedFile) -> None:
    frame = _table(file.file_id, Path(file.name).suffix.lower(), file)
    guess = guess_roles(frame)
    left, right = st.columns([2, 3], gap="large")
    with left:
        name = st.text_input(
            "Name of the case", value=Path(file.name).stem, key=f"name_{file.file_id}"
        )
        parts, task = _roles(frame, guess, file.file_id)
    with right:
        with messages.problems_in_words():
            _offer(name, _dataset(file.file_id, name, tuple(parts.items()), task, frame))
        _preview(frame)


@st.cache_resource(show_spinner="Reading the file", max_entries=2, scope="session")
def _table(file_id: str, suffix: str, _file: UploadedFile) -> pd.DataFrame:
    with TemporaryDirectory() as place:
        path = Path(place) / f"upload{suffix}"
        path.write_bytes(_file.getbuffer())
        return read_file(path).frame


@st.cache_resource(show_spinner="Checking the records", max_entries=2, scope="session")
def _dataset(
    file_id: str, name: str, parts: tuple[tuple[str, str], ...], task: str, _frame: pd.DataFrame
) -> Dataset:
    return dataset_of(_frame, name or "my data", dict(parts), task or None)


def _roles(frame: pd.DataFrame, guess: Guess, key: str) -> tuple[dict[str, str], str]:
    options = [NONE, *map(str, frame.columns)]
    parts = {part: _role(part, options, guess, key) for part in PARTS}
    task = st.segmented_control(
        "The label is", list(TASKS), default="", required=True, format_func=TASKS.__getitem__,
        key=f"task_{key}",
    )  # fmt: skip
    return parts, str(task)


def _role(part: str, options: list[str], guess: Guess, key: str) -> str:
    found = guess.split if part == "split" else getattr(guess.roles, part)
    start = options.index(found) if found in options else 0
    chosen = st.selectbox(
        part.capitalize(), options, index=start, key=f"role_{part}_{key}", help=PARTS[part]
    )
    reason = next((r for r in guess.reasons if found and f"as the {part}" in r), "")
    if reason and chosen == found:
        st.caption(messages.as_written(reason))
    return "" if chosen == NONE else chosen


def _preview(frame: pd.DataFrame) -> None:
    st.markdown(f"**{len(frame):,} rows, {len(frame.columns)} columns**")
    st.dataframe(frame.head(PREVIEW), key="upload_preview", height=390)
    st.caption(f"The first {min(PREVIEW, len(frame))} rows, as they were read.")


def _offer(name: str, data: Dataset) -> None:
    with st.container(border=True, key="upload_summary"):
        st.markdown(_summary(data))
        for note in data.notes:
            st.caption(messages.as_written(note))
        if st.button("Create case", key="upload_create", type="primary", disabled=not name.strip()):
            case = cases().create(name.strip(), data)
            state.go("case/data", case=case.id)


def _summary(data: Dataset) -> str:
    splits = ", ".join(f"{len(data.rows(split)):,} {split}" for split in SPLITS)
    what: Any = f"{len(data.classes)} classes" if data.classes else "a number"
    return f"**{len(data):,} records** ({splits}), {data.shape[0]} inputs, label: {what}."
