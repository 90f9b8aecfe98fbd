"""What works now and what waits for it; both keep themselves up to date."""

from __future__ import annotations

import streamlit as st

from disgorge_core.jobs import Run
from pages.common import progress
from pages.common.messages import as_written
from pages.common.panels import PANELS, View
from pages.common.services import cases, lanes
from pages.panels.runs.history import what

EVERY = 1.0  # seconds


@PANELS.register
class Live:
    """A card for the run that works, then one line for each that waits."""

    name, page, tab, title, order = "runs_live", "runs_live", "Live", "", 10

    def needs(self, view: View) -> None:
        """Nothing."""

    def draw(self, view: View) -> None:
        """Title, bar, time left, curve, cancel; the queue below."""
        for run in live(view, "running"):
            with st.container(border=True, key=f"live_{run.id}", gap="xsmall"):
                st.markdown(
                    f"**{as_written(what(view, run))}** &nbsp; {progress.STATES['running']}"
                )
                watched = progress.watch(view.case.id, run.id, key=f"live_{run.id}")
            if watched is None or watched.state not in progress.LIVE:
                st.rerun()  # it ended while this was drawn: now it belongs to the history
        waiting = [run.id for run in live(view, "queued")]
        if waiting:
            with st.container(border=True, key="live_queue", gap="xsmall"):
                st.fragment(_queue, run_every=EVERY)(view, waiting)


def live(view: View, state: str) -> list[Run]:
    """Runs of the case in this state, the next one first."""
    runs = [run for run in cases().runs(view.case.id) if run.state == state]
    return sorted(runs, key=lambda run: run.id)


def _queue(view: View, drawn: list[str]) -> None:
    waiting = live(view, "queued")
    if [run.id for run in waiting] != drawn:
        st.rerun()
    for run in waiting:
        text, place, cancel = st.columns([7, 4, 2], vertical_alignment="center")
        text.markdown(f"**{as_written(what(view, run))}** &nbsp; {progress.STATES['queued']}")
        place.markdown(f":gray[{progress.status_line(run)}]")
        if run.cancelling:
            cancel.markdown(":gray[Stopping]")
        else:
            cancel.button(
                "Cancel", key=f"cancel_{run.id}", icon=":material/stop:", width="stretch",
                on_click=lanes().cancel, args=(view.case.id, run.id),
            )  # fmt: skip
