"""Plan: what is to go, the methods that apply with their price and promise, and the start of a run."""

from __future__ import annotations

import streamlit as st

from disgorge_core.errors import DisgorgeError
from disgorge_core.words import PAGES
from pages.common import hand, messages, panels, state
from pages.common.frame import ROOT
from pages.panels.plan.forecast import forecast


def _makes_sense(view: panels.View) -> bool:
    """Whether there is anything to plan; the panel above says why not."""
    try:
        forecast(view)
    except DisgorgeError:
        return False
    return True


messages.title("Plan", PAGES["plan"])
st.html(ROOT / "assets" / "runs.css")
case = state.current_case()
if case is None:
    messages.need("No case is open.", "start/home", "Open an example or your own data", key="plan")
else:
    hand.suggest(case)
    view = panels.current_view()
    panels.draw_page("plan", view)
    if view is not None and view.model and view.forget and _makes_sense(view):
        left, right = st.columns([11, 8], gap="medium")
        with left:
            panels.draw_page("plan_methods", view)
        with right:
            panels.draw_page("plan_start", view)
    messages.next_step("disgorge/runs", "Runs", "Watch what runs and look back at what has run.")
