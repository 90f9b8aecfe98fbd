"""The words of the app, all in one place."""

from __future__ import annotations

import html

import streamlit as st

from disgorge_core.words import GLOSSARY
from pages.common.panels import PANELS, View


@PANELS.register
class Glossary:
    """Every word with its meaning; a filter narrows them."""

    name, page, tab, title, order = "guide_glossary", "guide", "Words", "", 50

    def needs(self, view: View | None) -> None:
        """Nothing."""

    def draw(self, view: View | None) -> None:
        """The filter and the words in alphabetical order."""
        asked = st.text_input(
            "Filter", key="glossary_filter", placeholder="Find a word", icon=":material/search:",
            label_visibility="collapsed",
        ).casefold()  # fmt: skip
        found = {w: t for w, t in sorted(GLOSSARY.items()) if asked in f"{w} {t}".casefold()}
        if not found:
            st.caption("No word contains that.")
        items = "".join(
            f"<div><dt>{html.escape(w)}</dt><dd>{html.escape(t)}</dd></div>"
            for w, t in found.items()
        )
        st.html(f'<dl class="dg-glossary">{items}</dl>')
