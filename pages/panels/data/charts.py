"""How often each label, owner and value of any column occurs."""

from __future__ import annotations

import streamlit as st

from disgorge_core.data.columns import column_names, column_of
from disgorge_core.figures.bars import bars, histogram, top_counts
from disgorge_core.types import Dataset
from pages.common import charts
from pages.common.messages import as_written
from pages.common.panels import PANELS, View

MOST = 20


@PANELS.register
class Counts:
    """Labels and owners side by side, then any column."""

    name, page, tab, title, order = "data_counts", "data", "Overview", "Labels and owners", 20

    def needs(self, view: View) -> None:
        """Nothing."""

    def draw(self, view: View) -> None:
        """Two charts."""
        data = view.data
        second = _second(data)
        left, right = st.columns(2, gap="large")
        with left:
            _chart(data, "label", "data_labels")
        if second:
            with right:
                _chart(data, second, "data_owners")


def _second(data: Dataset) -> str:
    """The column beside the labels: owner, else source, else the split."""
    return data.roles.owner or data.roles.source or "split"


def _chart(data: Dataset, column: str, key: str) -> None:
    found = column_of(data, column)
    st.markdown(f"**{as_written(column)}**")
    if found.kind == "number" and found.values.nunique() > MOST:
        figure = histogram(found.values.to_numpy(), name=column, template=charts.template())
        charts.chart(figure, key, f"Each bar counts the records whose {column} lies in that range.")
        return
    counts = top_counts(found.values, MOST)
    figure = bars(counts, template=charts.template())
    charts.chart(figure, key, f"Each bar is how many records have that {column}.")


@PANELS.register
class Columns:
    """Any column that a filter can name, but for ids and texts."""

    name, page, tab, title, order = "data_columns", "data", "Columns", "", 30

    def needs(self, view: View) -> None:
        """Nothing."""

    def draw(self, view: View) -> None:
        """A choice of columns and the chart of the chosen one."""
        alone = ("id", view.data.roles.text)  # nearly every value occurs once
        names = [name for name in column_names(view.data) if name not in alone]
        column = st.selectbox("Column", names, key="data_column", width=320)
        _chart(view.data, column, f"data_column_{names.index(column)}")
