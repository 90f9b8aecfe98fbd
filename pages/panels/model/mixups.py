"""The confusion matrix, whose squares open the records behind them."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from disgorge_core import metrics
from disgorge_core.figures.confusion import commonest, confusion_matrix
from disgorge_core.types import Array
from pages.common import charts, gallery, hand, state, tables
from pages.common.messages import as_written
from pages.common.panels import PANELS, Need, View
from pages.panels.model.cards import answers, mistakes
from pages.panels.model.overview import need_model
from pages.panels.model.quality import split_choice

SHOWN = 60  # pictures of one square


@PANELS.register
class Mixups:
    """What is taken for what."""

    name, page, tab, title, order = "model_confusion", "model", "Mix-ups", "", 60
    tasks = ("classification",)

    def needs(self, view: View) -> Need | None:
        """A model."""
        return need_model(view)

    def draw(self, view: View) -> None:
        """The matrix, and the records of the clicked square."""
        data, logits = view.data, answers(view.case, view.model).arrays["logits"]
        split, rows = split_choice(data, "model_confusion_split")
        left, right = st.columns([3, 2], gap="large")
        with left:
            counts = metrics.confusion(logits[rows], data.y[rows], len(data.classes))
            points = charts.clickable(
                confusion_matrix(counts, data.classes, template=charts.template()),
                f"model_confusion_{split}_{view.model[:8]}",
                "Rows are the true labels, columns the model's answers; the diagonal is right. Click a "
                "square to see its records.",
            )  # fmt: skip
        with right:
            if points:
                _cell(view, logits, rows, points)
            else:
                _list(commonest(counts, data.classes))


def _list(found: list[tuple[str, str, int]]) -> None:
    """What is shown while no square is chosen."""
    st.markdown("**Most common mix-ups**" if found else "**No mix-ups on these records**")
    for true, predicted, count in found:
        st.markdown(
            f"{as_written(true)} :gray[answered as] {as_written(predicted)} :gray[({count:,})]"
        )


def _cell(view: View, logits: Array, rows: Array, points: list[dict[str, Any]]) -> None:
    data = view.data
    true, predicted = int(points[0]["y"]), int(points[0]["x"])
    found = rows[mistakes(np.asarray(logits[rows]), data.y[rows], true, predicted)]
    st.markdown(
        f"**{as_written(data.classes[true])}** answered as "
        f"**{as_written(data.classes[predicted])}**: {len(found):,} records"
    )
    if not len(found):
        return
    if data.kind == "image":
        gallery.tiles(data, found[:SHOWN], captions=[str(data.ids[row]) for row in found[:SHOWN]])
        if len(found) > SHOWN:
            st.caption(f"The first {SHOWN} of {len(found):,}.")
    else:
        tables.records(data, found, "model_confusion_records", height=380)
    how = f"label {data.classes[true]!r} answered as {data.classes[predicted]!r}"
    if st.button("Open them in Explore", key="mixups_open", icon=":material/lasso_select:"):
        hand.follow(view)
        hand.change_rows(view, found, "replace", how, looking=True)
        state.go("select/explore")
