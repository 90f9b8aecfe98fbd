"""What is chosen: running counts, warnings, undo and redo, and saving it under a name."""

from __future__ import annotations

import html

import streamlit as st

from disgorge_core.errors import BadForgetSet
from pages.common import hand, messages, save_form, state
from pages.common.panels import PANELS, View
from pages.common.selection import Selection, standing
from pages.common.services import cases

BY_LOOKING = (
    "Chosen by looking at the model. That is fine for every method, but a certified bound does not "
    "cover it."
)


@PANELS.register
class InHand:
    """The selection in hand."""

    name, page, tab, title, order = "explore_in_hand", "explore_hand", "Hand", "", 20

    def needs(self, view: View) -> None:
        """Nothing."""

    def draw(self, view: View) -> None:
        """Counts, what to know about them, what to do with them."""
        with st.container(border=True, key="hand", gap="xsmall"):
            chosen = hand.now(view)
            _counts(view, chosen)
            _steps(view)
            _saving(view, chosen)


def _counts(view: View, chosen: Selection) -> None:
    found = standing(view.data, chosen)
    if isinstance(found, BadForgetSet):
        _said(f"{len(chosen):,}", "records chosen" if len(chosen) else "records chosen yet")
        where = "Draw around points on the map, or write a filter." if not len(chosen) else ""
        st.caption(where or f"{found.problem} {found.remedy}")
        return
    outside = bool(found.validation or found.test)  # then the first warning only repeats the counts
    there = f"; {found.validation:,} validation and {found.test:,} test records go as well"
    _said(
        f"{len(chosen):,}",
        f"chosen: <b>{found.train:,}</b> in training{there if outside else ''}",
    )
    for sentence in found.warnings[outside:]:
        st.html(f'<p class="dg-note">{html.escape(sentence)}</p>')
    if chosen.by_looking:
        st.html(f'<p class="dg-note">{BY_LOOKING}</p>')
    if state.asked("record"):
        return  # the card needs the room
    with st.expander("How they were chosen", key="hand_made", type="compact"):
        steps = "".join(f"<li>{html.escape(step)}</li>" for step in chosen.made[-30:])
        st.html(f'<ol class="dg-steps">{steps}</ol>')


def _said(number: str, words: str) -> None:
    st.html(f'<div class="dg-hand"><strong>{number}</strong><span>{words}</span></div>')


def _steps(view: View) -> None:
    past = hand.history(view)
    with st.container(horizontal=True, gap="small"):
        st.button(
            "Undo", key="hand_undo", icon=":material/undo:", disabled=not past.past,
            on_click=hand.undo, args=(view,),
        )  # fmt: skip
        st.button(
            "Redo", key="hand_redo", icon=":material/redo:", disabled=not past.future,
            on_click=hand.redo, args=(view,),
        )  # fmt: skip
        st.button(
            "Clear", key="hand_clear", icon=":material/close:", disabled=not len(past.now),
            on_click=hand.change_rows, args=(view, (), "clear", ""),
        )  # fmt: skip


def _saving(view: View, chosen: Selection) -> None:
    if not len(chosen):
        return
    if hand.unsaved(view):
        save_form.button(view)
        return
    name = cases().forget(view.case.id, view.forget).name
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.html(f'<p class="dg-saved">Saved as <b>{html.escape(name)}</b></p>')
        messages.link("select/influence", "What they hold up")
