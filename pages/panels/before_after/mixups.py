"""What is taken for what, before and after."""

from __future__ import annotations

import streamlit as st

from disgorge_core.comparison import TEST, confusions
from disgorge_core.figures.confusion import confusion_matrix
from pages.common import charts, compared
from pages.common.panels import PANELS, Need, View
from pages.panels.before_after.groups import choose_set

SENTENCE = "Rows are the true labels, columns the answers {when}; off the diagonal are mistakes."


@PANELS.register
class Mixups:
    """Confusion before and after, side by side."""

    name, page, tab, order = "before_after_mixups", "before_after", "Groups", 130
    title = "What is taken for what"
    tasks = ("classification",)

    def needs(self, view: View) -> Need | None:
        """A finished run of a classifier."""
        return compared.NOTHING if compared.current(view) is None else None

    def draw(self, view: View) -> None:
        """Two matrices."""
        found = compared.current(view)
        if found is None:
            return
        name = choose_set(found, "before_after_mixups_set", TEST)
        counts = confusions(found.comparison, found.data, name)
        for place, (when, table) in zip(st.columns(2), counts.items(), strict=True):
            with place:
                figure = confusion_matrix(table, found.data.classes, template=charts.template())
                charts.chart(figure, f"before_after_mixups_{when}", SENTENCE.format(when=when))
