"""Who wins and who loses: scores by class and by owner or source."""

from __future__ import annotations

import streamlit as st
from pandas.api.types import is_numeric_dtype as is_number

from disgorge_core import comparison
from disgorge_core.comparison import KEPT, SETS, TEST, sets
from disgorge_core.figures.spread import spread
from pages.common import charts, compared
from pages.common.panels import PANELS, Need, View
from pages.panels.before_after.scores import numbers

MOST = 15  # groups in one chart
MOST_VALUES = 200  # of a column that groups records
SENTENCE = (
    "One line a group, with the number of its records beside the name. A group whose score after lies "
    "outside its band has changed by more than leaving the records out explains."
)


@PANELS.register
class ByClass:
    """Scores of each class on one set."""

    name, page, tab, order = "before_after_classes", "before_after", "Groups", 110
    title = "By class"
    tasks = ("classification",)

    def needs(self, view: View) -> Need | None:
        """A finished run."""
        return compared.NOTHING if compared.current(view) is None else None

    def draw(self, view: View) -> None:
        """Which set, then the chart."""
        found = compared.current(view)
        if found is None:
            return
        name = choose_set(found, "before_after_classes_set", TEST)
        table = comparison.by_class(found.comparison, found.data, name)
        figure = spread(table, "class", template=charts.template())
        charts.chart(figure, "before_after_classes", SENTENCE)
        numbers(table, "before_after_classes_table")


@PANELS.register
class ByGroup:
    """Scores of each owner, source or other group on one set."""

    name, page, tab, order = "before_after_groups", "before_after", "Groups", 120
    title = "By owner or other group"

    def needs(self, view: View) -> Need | None:
        """A finished run and a column that groups records."""
        if compared.current(view) is None:
            return compared.NOTHING
        if not columns(view):
            sentence = "The dataset has no column that groups records (an owner, a source)."
            return Need(sentence, "case/data", "Data")
        return None

    def draw(self, view: View) -> None:
        """Which column and set, then the chart of the largest groups."""
        found = compared.current(view)
        if found is None:
            return
        left, right = st.columns(2)
        with left:
            column = st.selectbox("Group by", columns(view), key="before_after_groups_column")
        with right:
            name = choose_set(found, "before_after_groups_set", KEPT)
        table = comparison.by_group(found.comparison, found.data, column, name)
        if len(table) > MOST:
            st.caption(f"The {MOST} largest of {len(table)} groups; the table below has all.")
        percent = found.data.task != "regression"
        figure = spread(table.head(MOST), "group", template=charts.template(), percent=percent)
        charts.chart(figure, "before_after_groups", SENTENCE)
        numbers(table, "before_after_groups_table", percent)


def choose_set(found: compared.Compared, key: str, start: str) -> str:
    """One of the sets that hold records."""
    masks = sets(found.comparison, found.data)
    names = [name for name in SETS if masks[name].any()]
    index = names.index(start) if start in names else 0
    return str(st.selectbox("Records", names, index=index, key=key))


def columns(view: View) -> list[str]:
    """Columns of metadata with few enough values to group by, the owner and the source first."""
    roles = view.data.roles
    first = [name for name in (roles.owner, roles.source) if name]
    few = [
        str(name)
        for name in view.data.meta.columns
        if name not in (*first, roles.label, roles.id, roles.near, roles.text)
        and _groups(view, name)
    ]
    return [*first, *sorted(few, key=lambda name: is_number(view.data.meta[name]))]


def _groups(view: View, name: str) -> bool:
    values = view.data.meta[name]
    return bool(is_number(values) or values.nunique() <= MOST_VALUES)
