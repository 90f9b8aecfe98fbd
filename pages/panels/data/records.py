"""The records themselves, narrowed by a filter."""

from __future__ import annotations

import numpy as np
import streamlit as st

from disgorge_core.data.query import columns, select
from disgorge_core.errors import BadQuery
from disgorge_core.types import Array, Dataset
from pages.common import messages, tables
from pages.common.panels import PANELS, View


@PANELS.register
class Records:
    """All records in one table."""

    name, page, tab, title, order = "data_records", "data", "Records", "", 40

    def needs(self, view: View) -> None:
        """Nothing."""

    def draw(self, view: View) -> None:
        """The filter, the count and the table."""
        data = view.data
        asked = st.text_input(
            "Filter", key="data_filter", placeholder=_example(data), icon=":material/filter_alt:",
            help=_help(data),
        )  # fmt: skip
        rows = filtered(data, asked)
        st.caption(f"{len(rows):,} of {len(data):,} records")
        tables.records(data, rows, "data_table", height=480)


def filtered(data: Dataset, asked: str) -> Array:
    """Row numbers that a filter leaves; all of them, with the problem shown, if it cannot be read."""
    everything = np.arange(len(data))
    if not asked.strip():
        return everything
    try:
        return everything[select(data, asked)]
    except BadQuery as error:
        messages.problem(error)
        return everything


def _example(data: Dataset) -> str:
    if not data.classes:
        return f"label > {np.median(data.y):.4g} and split == 'train'"
    return f"label == {data.classes[0]!r} and split == 'train'"


def _help(data: Dataset) -> str:
    names = ", ".join(f"`{name}` ({kind})" for name, kind in columns(data).items())
    return f"Comparisons joined by and, or, not; `in` and `contains` work too. Columns: {names}"
