"""The confusion matrix: click a square to choose the records in it."""

from __future__ import annotations

import numpy as np
import streamlit as st

from disgorge_core import metrics
from disgorge_core.figures.confusion import confusion_matrix
from disgorge_core.types import Array
from pages.common import charts, hand, messages
from pages.common.panels import PANELS, Need, View
from pages.common.pick_tiles import pick_tiles
from pages.common.predictions import Predictions, predictions
from pages.common.questions import patient
from pages.panels.explore.chosen import open_card

CELL, CHART = "mistakes_cell", "mistakes_chart"
MOST_TILES = 24


@PANELS.register
class Mistakes:
    """Label by prediction, as squares."""

    name, page, tab, title, order = "explore_mistakes", "explore", "Mistakes", "", 50
    tasks = ("classification",)

    def needs(self, view: View) -> Need | None:
        """A model of classes."""
        if not view.model:
            return Need("Mistakes are those of a model.", "case/model", "Add a model")
        return None

    @patient
    def draw(self, view: View) -> None:
        """The matrix, and the records of the clicked square."""
        found = predictions(view)
        left, right = st.columns([7, 6], gap="medium")
        with left:
            split = st.segmented_control(
                "Of", ["train", "validation", "test", "all"], key="mistakes_split", default="test",
                required=True,
            )  # fmt: skip
            inside = np.isin(np.arange(len(view.data)), view.data.rows(split or "test"))
            counts = metrics.confusion(
                found.outputs[inside], view.data.y[inside], len(view.data.classes)
            )
            charts.clickable(
                confusion_matrix(counts, view.data.classes, template=charts.template()), CHART,
                "Rows are labels, columns predictions; the diagonal is right. Click a square to see "
                "its records.", on_select=_take,
            )  # fmt: skip
        with right:
            _cell(view, found, inside, split or "test")


def _take() -> None:
    points = st.session_state[CHART]["selection"]["points"]
    if points:
        st.session_state[CELL] = tuple(int(v) for v in points[0]["customdata"][:2])


def _cell(view: View, found: Predictions, inside: Array, split: str) -> None:
    cell = st.session_state.get(CELL)
    wrong = inside & ~found.right
    label, answer = (
        ("any", "another class") if cell is None else (view.data.classes[c] for c in cell)
    )
    mask = wrong if cell is None else inside & (view.data.y == cell[0]) & (found.codes == cell[1])
    count = int(mask.sum())
    if cell is None:
        st.markdown(f"**All mistakes**: {count:,} records")
    else:
        st.markdown(f"Labelled **{label}**, taken for **{answer}**: {count:,} records")
        st.button("Show all mistakes", key="mistakes_all", type="tertiary", on_click=_forget_cell)
    how = f"{split} records labelled {label} that the model takes for {answer}"
    hand.buttons(view, "mistakes", mask, how, looking=True, ops=("replace", "add", "remove"))
    rows = np.flatnonzero(mask)
    rows = rows[np.argsort(found.of_label[rows], kind="stable")][:MOST_TILES]
    lines = [
        [
            (view.data.classes[view.data.y[r]], ""),
            (found.said(r), "good" if found.right[r] else "bad"),
        ]
        for r in rows
    ]
    pick_tiles(
        "mistakes_tiles", view.data, rows, lines, lambda row: open_card(view, row),
        opens="record_card", chosen=hand.now(view).mask,
    )  # fmt: skip
    if count:
        messages.reading(
            f"The {len(rows):,} with the least probability for their own label. Below each: its label, "
            "then the prediction. A dot marks what is already chosen."
        )


def _forget_cell() -> None:
    st.session_state.pop(CELL, None)
