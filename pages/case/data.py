"""Data: what the open case's records are, or a new case from the user's own file."""

from __future__ import annotations

import streamlit as st

from disgorge_core.words import PAGES
from pages.common import messages, panels, state
from pages.panels.data import change_parts, upload

view = panels.current_view()
messages.title("Data", PAGES["data"])
asked = state.asked("new")
if view is not None and asked == "parts":
    change_parts.draw(view)
elif view is None or asked:
    upload.draw()
else:
    panels.draw_page("data", view)
    with st.container(horizontal=True):
        if st.button("New case from another file", key="data_new", icon=":material/add:"):
            state.put(new="1")
            st.rerun()
        if st.button("Change the columns' parts", key="data_parts", icon=":material/tune:"):
            state.put(new="parts")
            st.rerun()
    messages.next_step("case/model", "Model", "See the model that was trained on these records.")
