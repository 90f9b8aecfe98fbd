"""Scores before and after on every set, beside the references."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from disgorge_core import comparison
from disgorge_core.figures.spread import spread
from pages.common import charts, compared
from pages.common.panels import PANELS, Need, View

SENTENCE = (
    "{score} with 95 % intervals. The band is where the references lie, a dot each: models trained without "
    "the removed records. Removed records should score like the band; everything else should stay where it "
    "was."
)
ALONE = "{score} with 95 % intervals, before and after. No references were trained."
SCORES = {
    "classification": "Share of right answers",
    "regression": "Root mean squared error, in units of the label (lower is better),",
}


@PANELS.register
class Scores:
    """Right answers on removed, kept, validation and test records."""

    name, page, tab, order = "before_after_scores", "before_after", "Overview", 20
    title = "How good it is"

    def needs(self, view: View) -> Need | None:
        """A finished run."""
        return None if compared.current(view) else compared.NOTHING

    def draw(self, view: View) -> None:
        """Chart, sentence, and the numbers below."""
        found = compared.current(view)
        if found is None:
            return
        table = comparison.overview(found.comparison, found.data)
        percent = found.data.task != "regression"
        masks = comparison.sets(found.comparison, found.data)
        each = comparison.each_reference(
            found.comparison, found.data, [masks[n] for n in table["set"]]
        )
        figure = spread(table, "set", template=charts.template(), percent=percent, each=each)
        sentence = SENTENCE if len(found.comparison.references) else ALONE
        said = sentence.format(score=SCORES[found.data.task])
        charts.chart(figure, "before_after_scores", said)
        numbers(table, "before_after_scores_table", percent)


def numbers(table: pd.DataFrame, key: str, percent: bool = True) -> None:
    """The table behind a chart of scores."""
    shown = table.drop(columns="references")
    if percent:
        scores = [name for name in shown if name.startswith(("before", "after", "reference"))]
        shown = shown.assign(**{name: 100 * shown[name] for name in scores})
    columns = {name: name.replace("_low", " from").replace("_high", " to") for name in shown}
    form = "%.1f %%" if percent else "%.3g"
    formats = {
        columns[name]: st.column_config.NumberColumn(format=form)
        for name in shown
        if name.startswith(("before", "after", "reference"))
    }
    with st.expander("The numbers", key=f"{key}_open"):
        st.dataframe(shown.rename(columns=columns), key=key, hide_index=True, column_config=formats)
