"""Downloads of a table: CSV for a spreadsheet, Parquet and JSON for everything as it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import streamlit as st

from disgorge_core.exports import SUFFIXES, Written, in_memory

WORDS = {".csv": "CSV", ".parquet": "Parquet", ".json": "JSON"}
TYPES = {".csv": "text/csv", ".parquet": "application/octet-stream", ".json": "application/json"}


def buttons(
    write: Callable[[Path], Written], stem: str, key: str, suffixes: Sequence[str] = SUFFIXES
) -> None:
    """One download for each kind of file; `write` is called when one is wanted."""
    with st.container(horizontal=True, gap="small", key=f"{key}_files"):
        for suffix in suffixes:
            st.download_button(
                WORDS[suffix], partial(in_memory, write, suffix), f"{stem}{suffix}", TYPES[suffix],
                key=f"{key}{suffix}", icon=":material/download:", on_click="ignore",
            )  # fmt: skip


def stem_of(name: str) -> str:
    """A file name made of somebody's words."""
    plain = "".join(c if c.isalnum() else "-" for c in name.lower())
    return plain.strip("-")[:60] or "records"
