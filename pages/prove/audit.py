"""Audit: did it work, how sure are we, and what was not tested."""

from __future__ import annotations

import streamlit as st

from disgorge_core.words import PAGES
from pages.common import audited, messages, panels, state
from pages.common.frame import ROOT
from pages.panels.model.cards import names

messages.title("Audit", PAGES["audit"])
st.html(ROOT / "assets" / "runs.css")


def choose(view: panels.View) -> None:
    """Which of several finished runs and pairs is looked at."""
    found, now = audited.subjects(view.case.id), audited.subject(view)
    models, every = names(view.case), list(found)
    if now is None or len(every) < 2:
        return
    chosen = st.selectbox(
        "Run", every, index=every.index(now), key=f"audit_run_{found[now]}",
        format_func=lambda one: audited.name(view.case, one, models),
    )  # fmt: skip
    if chosen != now:
        state.put(run=found[chosen])
        st.rerun()


view = panels.current_view()
if view is None:
    messages.need(
        "No case is open. Open a worked example or one of your cases first.", "start/home", "Home",
        key="audit_case",
    )  # fmt: skip
elif audited.subject(view) is None:
    messages.need(
        "An audit tests the result of a run, and no run has finished yet.", "disgorge/plan", "Plan a run",
        key="audit_run_needed",
    )  # fmt: skip
    panels.draw_page("audit_pair", view)
else:
    choose(view)
    panels.draw_page("audit", panels.current_view() or view)
    panels.draw_page("audit_pair", panels.current_view() or view)
