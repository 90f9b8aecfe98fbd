"""The card of one record, by its id in the address: what it is, what it is like, what to do with it."""

from __future__ import annotations

import html

import streamlit as st

from pages.common import hand, messages, record_card, state
from pages.common.panels import PANELS, View
from pages.common.pick_tiles import Line, pick_tiles
from pages.common.predictions import predictions
from pages.common.questions import ask_soon, patient
from pages.panels.explore.chosen import open_card

LIKE = 5  # records shown as alike


@PANELS.register
class Record:
    """Shown when a record was clicked or a link names one."""

    name, page, tab, title, order = "explore_record", "explore_hand", "Hand", "", 30

    def needs(self, view: View) -> None:
        """Nothing: without a record there is no card."""

    def draw(self, view: View) -> None:
        """The card."""
        asked = state.asked("record")
        if not asked:
            return
        row = record_card.row_of(view.data, asked)
        with st.container(border=True, key="record_card", gap="xsmall"):
            _head(asked)
            if row is None:
                st.caption("This dataset has no record of that id.")
                return
            record_card.describe(view.data, row)
            _actions(view, row)
            if view.model:
                _seen(view, row)


@patient
def _seen(view: View, row: int) -> None:
    with messages.problems_in_words():
        record_card.answers(predictions(view), row)
        _alike(view, row)


def _head(name: str) -> None:
    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        st.html(f'<b class="dg-id">{html.escape(name)}</b>')
        st.button(
            "", key="record_close", icon=":material/close:", help="Close the card", type="tertiary",
            on_click=state.put, kwargs={"record": ""},
        )  # fmt: skip


def _actions(view: View, row: int) -> None:
    name = str(view.data.ids[row])
    chosen = bool(hand.now(view).mask[row])
    with st.container(horizontal=True, gap="small"):
        st.button(
            "Take out" if chosen else "Add", key="record_add", on_click=hand.change_rows,
            icon=":material/remove:" if chosen else ":material/add:",
            args=(view, [row], "remove" if chosen else "add", f"record {name}"),
        )  # fmt: skip
        if st.button("What made this prediction", key="record_why", icon=":material/hub:"):
            state.go("select/influence", record=name, tab="One prediction")


def _alike(view: View, row: int) -> None:
    found = ask_soon(view.case, "neighbours", model=view.model, rows=[row], k=LIKE)
    rows = found.arrays["index"][0]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.html('<small class="dg-muted">Most alike, as the model sees it</small>')
        hand.buttons(
            view, "record_alike", hand.mask_of(len(view.data), rows),
            f"the {len(rows)} records most like {view.data.ids[row]}", looking=True, ops=("add",),
        )  # fmt: skip
    lines: list[list[Line]] = [[] for _ in rows]
    pick_tiles(
        "record_alike", view.data, rows, lines, lambda picked: open_card(view, picked),
        chosen=hand.now(view).mask, size=34, wide=50 if view.data.kind == "image" else 0,
    )  # fmt: skip
