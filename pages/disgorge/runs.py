"""Runs: what works or waits now, what has run, and several methods side by side."""

from __future__ import annotations

import streamlit as st

from disgorge_core.words import PAGES
from pages.common import messages, panels
from pages.common.frame import ROOT

messages.title("Runs", PAGES["runs"])
st.html(ROOT / "assets" / "runs.css")
view = panels.current_view()
if view is None:
    messages.need("No case is open.", "start/home", "Open an example or your own data", key="runs")
else:
    panels.draw_page("runs_live", view)
    panels.draw_page("runs", view)
    messages.next_step(
        "compare/before_after",
        "Before & after",
        "See what the chosen run changed, record by record.",
    )
