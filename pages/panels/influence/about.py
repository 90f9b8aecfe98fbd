"""Which forget set the page is about, and that the hand holds other records where it does."""

from __future__ import annotations

import html

import streamlit as st

from pages.common import hand, save_form
from pages.common.panels import PANELS, View
from pages.common.services import cases


@PANELS.register
class About:
    """One line above the tabs."""

    name, page, tab, title, order = "influence_about", "influence_top", "About", "", 10

    def needs(self, view: View) -> None:
        """Nothing."""

    def draw(self, view: View) -> None:
        """Silent while the hand holds the saved set."""
        if not hand.unsaved(view):
            return
        about = "nothing is saved yet"
        if view.forget:
            saved = cases().forget(view.case.id, view.forget)
            about = f"this page is about <b>{html.escape(saved.name)}</b> ({len(saved):,})"
        left, right = st.columns([9, 4], vertical_alignment="center")
        count = len(hand.now(view))
        left.html(f'<p class="dg-note">{count:,} records are chosen but not saved; {about}.</p>')
        with right:
            save_form.button(view)
