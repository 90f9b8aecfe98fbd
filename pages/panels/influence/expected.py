"""What to expect from a removal before anything runs, to be held against the measured result."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from disgorge_core import comparison
from disgorge_core.comparison import REMOVED
from pages.common import messages
from pages.common.panels import PANELS, Need, View
from pages.common.predicted import BEYOND, Predicted, forget_need, predicted, sure
from pages.common.questions import patient


@PANELS.register
class Expected:
    """Estimated quality on each set of records if the chosen ones had not been there."""

    name, page, tab, order = "influence_expected", "influence", "Predicted effect", 50
    title = "If they had not been there"

    def needs(self, view: View) -> Need | None:
        """A plain model with known training records, and a forget set."""
        return forget_need(view)

    @patient
    def draw(self, view: View) -> None:
        """One row a set."""
        found = predicted(view)
        if not found.believable:
            st.warning(BEYOND, icon=":material/warning:")
        table = comparison.overview(found.comparison, view.data)
        table = table[table["set"].isin(list(found.complete_sets()))]
        scale = 1.0 if view.data.task == "regression" else 100.0
        table = shown(table, scale)
        if not found.believable:  # no number is better than a wrong one
            table = table[["set", "n", "now"]]
        st.dataframe(
            table, key="expected_table", hide_index=True, column_config=_columns(scale), width="content"
        )  # fmt: skip
        messages.reading(_sentence(view, found))
        messages.link("disgorge/plan", "Plan a run and measure it")


def shown(table: pd.DataFrame, scale: float) -> pd.DataFrame:
    """Sets with their size, the score now and as estimated, and the difference."""
    found = table[["set", "n"]].copy()
    found["now"] = scale * table["before"]
    found["estimated"] = scale * table["after"]
    found["change"] = found["estimated"] - found["now"]
    return found


def _columns(scale: float) -> dict[str, object]:
    number = "%.1f %%" if scale == 100.0 else "%.4g"
    signed = "%+.1f" if scale == 100.0 else "%+.4g"
    return {
        "set": st.column_config.TextColumn("Records"),
        "n": st.column_config.NumberColumn("How many", format="localized"),
        "now": st.column_config.NumberColumn("Now", format=number),
        "estimated": st.column_config.NumberColumn("Without them (estimate)", format=number),
        "change": st.column_config.NumberColumn("Change", format=signed),
    }


def _sentence(view: View, found: Predicted) -> str:
    what = "root mean squared error" if view.data.task == "regression" else "accuracy, in percent"
    removed = (
        "" if REMOVED in found.complete_sets() else " The chosen records themselves were not asked."
    )
    return (
        f"Score: {what}. Removal worked if the records themselves fall to what the model says of "
        f"records that it never saw, while the rest stays.{removed} {sure(view)}"
    )
