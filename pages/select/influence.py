"""Influence: what the chosen records hold up, which records made a prediction, what would change."""

from __future__ import annotations

import streamlit as st

from disgorge_core.words import PAGES
from pages.common import hand, messages, panels, state
from pages.common.frame import ROOT

messages.title("Influence", PAGES["influence"])
st.html(ROOT / "assets" / "select.css")
case = state.current_case()
if case is None:
    messages.need(
        "No case is open.", "start/home", "Open an example or your own data", key="influence"
    )
else:
    hand.suggest(case)
    view = panels.current_view()
    hand.follow(view)
    panels.draw_page("influence_top", view)
    panels.draw_page("influence", view)
    messages.next_step("disgorge/plan", "Plan", "Compare the ways to remove these records.")
