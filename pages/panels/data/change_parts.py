"""A new case from the records of the open one, whose columns play other parts."""

from __future__ import annotations

import streamlit as st

from disgorge_core.data.again import Table, as_table
from disgorge_core.types import Dataset
from pages.common import messages, state
from pages.common.panels import View
from pages.panels.data import parts


def draw(view: View) -> None:
    """What will happen, then the form that starts with the parts as they are."""
    data = view.data
    st.subheader("Other parts for the columns", anchor=False)
    st.caption(
        "This makes a new case from the same records. The open case stays as it is, with its models,"
        " forget sets and runs."
    )
    table = _table(data.digest, data)
    with messages.problems_in_words():
        parts.draw(
            parts.Material(
                f"again_{data.digest[:16]}", data.name, table.frame, table.parts, table.pictures,
                ignore=table.ignore, task=data.task, licence=data.licence,
            ),
            change=True,
        )  # fmt: skip
    if st.button("Back to the open case", key="parts_back"):
        state.put(new="")
        st.rerun()


@st.cache_resource(show_spinner=False, max_entries=1, scope="session")
def _table(digest: str, _data: Dataset) -> Table:
    return as_table(_data)
