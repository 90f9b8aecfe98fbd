"""What the chosen records hold up: the predictions that would suffer if they had not been there."""

from __future__ import annotations

import numpy as np
import streamlit as st

from disgorge_core.figures.predicted_change import predicted_change
from pages.common import charts, messages, state
from pages.common.panels import PANELS, Need, View
from pages.common.pick_tiles import Line, pick_tiles
from pages.common.predicted import (
    BEYOND,
    Predicted,
    forget_need,
    output_of,
    predicted,
    sure,
    unit_of,
)
from pages.common.predictions import label_of
from pages.common.questions import patient
from pages.common.services import cases

MOST = 20
CLASSES = (
    "Mean estimated change by label, with its 95 % interval over the records; left of the line, the class "
    "loses what the chosen records taught it."
)
NUMBERS = (
    "Mean estimated change of the predicted values, with its 95 % interval over the records; left of the "
    "line, they would fall."
)


@PANELS.register
class HoldsUp:
    """By class, and the predictions that lean most on the chosen records."""

    name, page, tab, title, order = "influence_holds", "influence", "What they hold up", "", 10

    def needs(self, view: View) -> Need | None:
        """A plain model with known training records, and a forget set."""
        return forget_need(view)

    @patient
    def draw(self, view: View) -> None:
        """One sentence, the classes, the predictions."""
        found = predicted(view)
        forget = cases().forget(view.case.id, view.forget)
        rows, (what, _) = found.outside, output_of(view)
        down = int((found.change[rows] < 0).sum())
        st.markdown(
            f"Without **{forget.name}** ({len(forget):,} records), the {what} of **{down:,} of "
            f"{len(rows):,}** other validation and test records would fall{_flips(found)}."
        )
        if not found.believable:
            st.warning(BEYOND, icon=":material/warning:")
        left, right = st.columns([5, 8], gap="medium")
        with left:
            charts.chart(
                predicted_change(found.by_class(), template=charts.template(), unit=unit_of(view)),
                "holds_chart",
                NUMBERS if view.data.task == "regression" else CLASSES,
            )  # fmt: skip
        with right:
            _leaning(view, found)
        messages.reading(" ".join([sure(view), *found.notes]))


def _flips(found: Predicted) -> str:
    """How many predictions would change, where the estimate can tell."""
    if not found.believable or found.data.task == "regression":
        return ""
    count = int(found.flips[found.outside].sum())
    return f", and **{count:,}** {'prediction' if count == 1 else 'predictions'} would change"


def _leaning(view: View, found: Predicted) -> None:
    st.markdown("**The predictions that lean most on them**")
    change, (what, unit) = found.change[found.outside], output_of(view)
    least = -np.abs(change) if view.data.task == "regression" else change
    rows = found.outside[np.argsort(least, kind="stable")][:MOST]
    lines = [_lines(found, int(row)) for row in rows]
    pick_tiles("holds_tiles", view.data, rows, lines, _why)
    flips = found.believable and view.data.task == "classification"
    red = "; red where the prediction would change" if flips else ""
    messages.reading(
        f"Label, then the estimated change of its {what} in {unit}{red}. "
        "Click one to see which records made it."
    )


def _lines(found: Predicted, row: int) -> list[Line]:
    said = (
        f"{found.change[row]:+.3g}"
        if found.data.task == "regression"
        else f"{found.change[row]:+.2f}"
    )
    change = (said, "")
    if found.flips[row] and found.believable:
        change = (f"{said} → {found.said(row)}", "bad")
    return [(label_of(found.data, row), ""), change]


def _why(row: int) -> None:
    data_view = state.current_case()
    if data_view is None:
        return
    data = cases().dataset(data_view.dataset)
    state.put(record=str(data.ids[row]), tab="One prediction")
