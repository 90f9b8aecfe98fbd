"""A worked example's story, above the map."""

from __future__ import annotations

import html

import streamlit as st

from disgorge_core.registry import EXAMPLES
from pages.common.panels import PANELS, View
from pages.common.services import cases


@PANELS.register
class Story:
    """What this example asks, and which records are meant."""

    name, page, tab, title, order = "explore_story", "explore_story", "Story", "", 10

    def needs(self, view: View) -> None:
        """Nothing: a user's own case has no story."""

    def draw(self, view: View) -> None:
        """One paragraph."""
        if view.case.example not in EXAMPLES:
            return
        story = html.escape(EXAMPLES[view.case.example].story)
        said = ""
        if view.forget:
            forget = cases().forget(view.case.id, view.forget)
            said = f" <b>{html.escape(forget.name)}: {len(forget):,} records are chosen below.</b>"
        st.html(f'<p class="dg-story">{story}{said}</p>')
