"""The largest errors of a model of numbers: choose the records that are further off than a limit."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages.common import hand, messages
from pages.common.panels import PANELS, Need, View
from pages.common.pick_tiles import pick_tiles
from pages.common.predictions import label_of, predictions
from pages.common.questions import patient
from pages.panels.explore.chosen import open_card

MOST_TILES = 24
SHARES = (50, 25, 10, 5, 1)  # percent of the records with the largest errors


@PANELS.register
class Errors:
    """The records that are furthest off."""

    name, page, tab, title, order = "explore_errors", "explore", "Mistakes", "", 50
    tasks = ("regression",)

    def needs(self, view: View) -> Need | None:
        """A model."""
        if not view.model:
            return Need("Mistakes are those of a model.", "case/model", "Add a model")
        return None

    @patient
    def draw(self, view: View) -> None:
        """Which split, which share, and the records."""
        found, data = predictions(view), view.data
        left, right = st.columns(2, gap="medium")
        split = left.segmented_control(
            "Of", ["train", "validation", "test", "all"], key="errors_split", default="test",
            required=True,
        )  # fmt: skip
        share = right.segmented_control(
            "With the largest errors", SHARES, key="errors_share", default=10, required=True,
            format_func=lambda percent: f"{percent} %",
        )  # fmt: skip
        rows = data.rows(str(split))
        error = np.abs(found.standing[rows])
        count = max(1, round(len(rows) * int(share) / 100))
        rows = rows[np.argsort(-error, kind="stable")][:count]
        least = float(np.abs(found.standing[rows]).min())
        st.markdown(f"**{count:,} records** are off by {least:.4g} or more.")
        how = f"{split} records whose prediction is off by {least:.4g} or more"
        mask = hand.mask_of(len(data), rows)
        hand.buttons(view, "errors", mask, how, looking=True, ops=("replace", "add", "remove"))
        shown = rows[:MOST_TILES]
        lines = [[(label_of(data, int(r)), ""), (found.said(int(r)), "bad")] for r in shown]
        pick_tiles(
            "errors_tiles", data, shown, lines, lambda row: open_card(view, row),
            opens="record_card", chosen=hand.now(view).mask,
        )  # fmt: skip
        messages.reading(
            f"The {len(shown):,} furthest off. Below each: its value, then the prediction. A dot marks "
            "what is already chosen."
        )
