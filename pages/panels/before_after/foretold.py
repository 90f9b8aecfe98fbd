"""What influence predicted before the run, held against what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from disgorge_core import foresight
from disgorge_core.comparison import REMOVED, TEST, set_names
from disgorge_core.figures.predicted_measured import drawn, predicted_measured
from disgorge_core.foresight import DISGORGED, REFERENCES
from pages.common import charts, compared, trusted
from pages.common.panels import PANELS, Need, View

MEASURES = {REFERENCES: "Models that never saw them", DISGORGED: "The disgorged model"}
SENTENCES = {
    REFERENCES: "Measured: the mean of {n} reference models minus the model before, which is what influence "
    "estimates. ",
    DISGORGED: "Measured: the disgorged model minus the model before. What the method did beyond, or short "
    "of, taking the records out is in it, too. ",
}
READING = (
    "A point is a record. The further right, the more its {what} was expected to rise; the higher, the more "
    "it did. On the dotted line the size was right as well."
)


@PANELS.register
class Foretold:
    """Scatter of predicted against measured change, with how well order and size were met."""

    name, page, tab, order = "before_after_foretold", "before_after", "Prediction", 150
    title = "Prediction against outcome"

    def needs(self, view: View) -> Need | None:
        """A run before which influence could say something."""
        found = compared.current(view)
        if found is None:
            return compared.NOTHING
        kept = found.values["prediction"]
        if kept["why_not"]:
            sentence = f"Influence could predict nothing of this removal. {kept['why_not']}"
            return Need(sentence, "disgorge/plan", "Plan a run")
        return None

    def draw(self, view: View) -> None:
        """What is compared, sentences, chart, numbers."""
        found = compared.current(view)
        if found is None:
            return
        kept = found.values["prediction"]
        measured = _choose({row["measured"] for row in kept["held"]})
        rows = [row for row in kept["held"] if row["measured"] == measured]
        left, right = st.columns([9, 5], gap="medium")
        with left:
            _scatter(found, measured)
        with right:
            for row in rows:
                said = f"{trusted.order_said(row)} {trusted.size_said(row)}"
                st.markdown(f"**{row['set']}** ({row['n']:,})  \n{said}")
        _numbers(rows)


def _scatter(found: compared.Compared, measured: str) -> None:
    table, what = points(found, measured), _what(found)
    shown = drawn(table)
    figure = predicted_measured(
        shown, forget=REMOVED, test=TEST, unit=f"change of the {what}", template=charts.template()
    )
    charts.chart(
        figure, "before_after_foretold", _sentence(found, measured, len(shown), len(table))
    )


def points(found: compared.Compared, measured: str) -> pd.DataFrame:
    """One row a record that was asked and is in a set: set, id, predicted, measured."""
    arrays, c, data = found.arrays, found.comparison, found.data
    rows = arrays["predicted_rows"]
    table = pd.DataFrame(
        {
            "set": set_names(c, data)[rows],
            "id": data.ids[rows].astype(str),
            "predicted": foresight.predicted_change(c, data, rows, arrays["predicted"]),
            "measured": foresight.measured_change(c, data, rows, measured),
        }
    )
    return table[np.isin(table["set"], foresight.ASKED)]


def _choose(known: set[str]) -> str:
    names = [name for name in MEASURES if name in known]
    if len(names) == 1:
        return names[0]
    return str(
        st.segmented_control(
            "Held against", names, default=names[0], required=True, format_func=MEASURES.__getitem__,
            key="before_after_foretold_measure",
        )
    )  # fmt: skip


def _what(found: compared.Compared) -> str:
    return "residual" if found.data.task == "regression" else "margin"


def _sentence(found: compared.Compared, measured: str, shown: int, whole: int) -> str:
    said = SENTENCES[measured].format(n=len(found.comparison.references))
    few = f" {shown:,} of {whole:,} records are drawn." if shown < whole else ""
    notes = " ".join(["", *found.values["prediction"]["notes"]])
    return f"{said}{READING.format(what=_what(found))}{few}{notes}"


def _numbers(rows: Sequence[Mapping[str, Any]]) -> None:
    table = pd.DataFrame(rows).drop(columns="measured")
    names = {"set": "Records", "n": "How many", "rank": "Rank correlation", "low": "from", "high": "to",
             "factor": "Measured for one predicted", "ceiling": "Chance would allow"}  # fmt: skip
    formats = {name: st.column_config.NumberColumn(format="%.2f") for name in [*names.values()][2:]}
    with st.expander("The numbers"):
        st.dataframe(
            table.rename(columns=names), hide_index=True, key="before_after_foretold_table",
            column_config=formats,
        )  # fmt: skip
        st.caption(
            "The interval of a rank correlation takes records as independent, which near-copies are not. "
            "*Chance would allow* is what a perfect estimate could reach against this many references."
        )
