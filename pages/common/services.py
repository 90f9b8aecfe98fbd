"""The workspace and the workers: one of each for the whole server."""

from __future__ import annotations

import os
from pathlib import Path

import streamlit as st

from disgorge_core.cases import Cases
from disgorge_core.jobs import Lanes
from disgorge_core.store import Workspace


def home() -> Path:
    """Folder of the workspace: DISGORGE_HOME, else ./workspace."""
    return Path(os.environ.get("DISGORGE_HOME", "workspace")).absolute()


def cases() -> Cases:
    """The cases of this workspace."""
    return _cases(str(home()))


def lanes() -> Lanes:
    """The two lanes of work of this workspace, started."""
    return _lanes(str(home()))


@st.cache_resource(show_spinner=False)
def _cases(root: str) -> Cases:
    return Cases(Workspace(root))


@st.cache_resource(show_spinner=False, on_release=lambda lanes: lanes.close())
def _lanes(root: str) -> Lanes:
    lanes = Lanes(Workspace(root))
    lanes.start()
    return lanes
