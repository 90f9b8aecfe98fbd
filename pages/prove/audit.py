"""Audit: did it work, how sure are we, and what was not tested."""

from __future__ import annotations

import streamlit as st

from disgorge_core.words import PAGES
from pages.common import compared, messages, panels, state

messages.title("Audit", PAGES["audit"])


def choose(view: panels.View) -> None:
    """Which of several finished runs is audited."""
    runs = [run.id for run in compared.finished(view.case.id)]
    names = {
        run: compared.summary(compared.current(panels.View(view.case, run=run))) for run in runs
    }
    if len(runs) > 1:
        now = runs.index(view.run) if view.run in runs else 0
        chosen = st.selectbox(
            "Run", runs, index=now, format_func=lambda run: names[run], key="audit_run"
        )
        if chosen != runs[now]:
            state.put(run=chosen)
            st.rerun()


view = panels.current_view()
if view is None:
    messages.need(
        "No case is open. Open a worked example or one of your cases first.", "start/home", "Home",
        key="audit_case",
    )  # fmt: skip
elif compared.current(view) is None:
    messages.need(
        "An audit tests the result of a run, and no run has finished yet.", "disgorge/plan", "Plan a run",
        key="audit_run_needed",
    )  # fmt: skip
else:
    choose(view)
    panels.draw_page("audit", panels.current_view() or view)
