"""Before & after: one finished run, beside references that never saw the records."""

from __future__ import annotations

import streamlit as st

from disgorge_core.words import PAGES
from pages.common import compared, messages, panels, state

messages.title("Before & after", PAGES["before_after"])


def choose(view: panels.View) -> None:
    """Which of several finished runs is looked at."""
    runs = [run.id for run in compared.finished(view.case.id)]
    names = {
        run: compared.summary(compared.current(panels.View(view.case, run=run))) for run in runs
    }
    if len(runs) > 1:
        now = runs.index(view.run) if view.run in runs else 0
        chosen = st.selectbox(
            "Run", runs, index=now, format_func=lambda run: names[run], key="before_after_run"
        )
        if chosen != runs[now]:
            state.put(run=chosen)
            st.rerun()


view = panels.current_view()
if view is None:
    messages.need(
        "No case is open. Open a worked example or one of your cases first.",
        "start/home",
        "Home",
        key="before_after_case",
    )
elif compared.current(view) is None:
    need = compared.NOTHING
    messages.need(need.sentence, need.page, need.label, key="before_after_run")
else:
    choose(view)
    panels.draw_page("before_after", panels.current_view() or view)
    messages.next_step(
        "prove/audit",
        "Audit",
        "Test this result: are traces of the records left, and how sure is that?",
    )
