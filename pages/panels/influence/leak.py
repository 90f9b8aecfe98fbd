"""Leak check: kept records that carry what the chosen ones taught."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages.common import hand, messages, near
from pages.common.messages import as_written
from pages.common.panels import PANELS, Need, View
from pages.common.pick_tiles import pick_tiles
from pages.common.predicted import forget_need
from pages.common.predictions import label_of
from pages.common.questions import patient
from pages.common.services import cases
from pages.panels.influence.inside import ranking

MOST = 24


@PANELS.register
class Leak:
    """Near-copies, and kept records that hold up F's own predictions more than F's median member."""

    name, page, tab, order = "influence_leak", "influence", "Predicted effect", 60
    title = "Would anything leak back?"

    def needs(self, view: View) -> Need | None:
        """A forget set and a model."""
        return forget_need(view)

    @patient
    def draw(self, view: View) -> None:
        """Both kinds, each with a button."""
        forget = cases().forget(view.case.id, view.forget).mask(view.data)
        train = view.data.split == 0
        copies = near.copies_of(near.clusters(view), forget & train) & train & ~forget
        left, right = st.columns(2, gap="medium")
        with left:
            said = _near_sentence(view, int(copies.sum()))
            _found(view, "leak_near", np.flatnonzero(copies), said, "near-copies of them")
        with right:
            _strong(view, forget)


def _near_sentence(view: View, count: int) -> str:
    how = as_written(near.clusters_are(view))
    if not count:
        return f"**No near-copy** of them stays in training, going by {how}."
    return f"**{count:,} kept training records** are near-copies of chosen ones, going by {how}."


def _strong(view: View, forget: np.ndarray) -> None:
    found = ranking(view)
    if found is None:
        messages.reading(
            "Whether kept records hold up their predictions as much as they do themselves is known "
            "after ranking them: see *What they hold up*."
        )
        return
    rows = found.stronger_kept()
    rows = rows[~forget[rows]]
    count = len(rows)
    said = (
        f"**{count:,} kept training records** hold up the predictions of the chosen ones more than their "
        "own median member does."
    )
    how = "kept records that hold up their predictions more than their median member"
    _found(view, "leak_strong", rows, said, how, looking=True)


def _found(
    view: View, key: str, rows: np.ndarray, said: str, how: str, *, looking: bool = False
) -> None:
    st.markdown(said)
    if not len(rows):
        return
    mask = hand.mask_of(len(view.data), rows)
    hand.buttons(view, key, mask, how, looking=looking, ops=("add",))
    lines = [[(label_of(view.data, int(r)), "")] for r in rows[:MOST]]
    pick_tiles(
        f"{key}_tiles", view.data, rows[:MOST], lines, lambda row: None,
        chosen=hand.now(view).mask, size=44,
    )  # fmt: skip
