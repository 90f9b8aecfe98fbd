"""Explore: find records on the map, by filter, by likeness or by mistake, and keep them as a set."""

from __future__ import annotations

import streamlit as st

from disgorge_core.words import PAGES
from pages.common import hand, messages, panels, state
from pages.common.frame import ROOT
from pages.common.panels import View


def _body(view: View) -> None:
    """Everything that follows the selection; a lasso draws only this again."""
    hand.follow(view)
    left, right = st.columns([17, 9], gap="medium")
    with right:
        panels.draw_page("explore_hand", view)
    below = st.container(key="explore_below")
    with left:
        panels.draw_page("explore_map", view)
    with below:
        panels.draw_page("explore", view)


messages.title("Explore", PAGES["explore"])
st.html(ROOT / "assets" / "select.css")
case = state.current_case()
if case is None:
    messages.need(
        "No case is open.", "start/home", "Open an example or your own data", key="explore"
    )
else:
    hand.suggest(case)
    view = panels.current_view()
    panels.draw_page("explore_story", view)
    st.fragment(_body)(view)
    messages.next_step("select/influence", "Influence", "See what the chosen records hold up.")
