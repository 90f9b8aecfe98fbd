"""A run as it goes: bar, time left, curve, cancel; after its end the result's link or the remedy."""

from __future__ import annotations

import streamlit as st

from disgorge_core.cases import Case
from disgorge_core.errors import DisgorgeError
from disgorge_core.figures.live_curve import live_curve
from disgorge_core.figures.loss_curve import loss_curve
from disgorge_core.jobs import Run
from disgorge_core.words import duration
from pages.common import charts
from pages.common.messages import as_written, link, problem, reading
from pages.common.services import cases, lanes

LIVE = ("queued", "running")
STATES = {
    "queued": ":gray-badge[:material/schedule: waiting]",
    "running": ":blue-badge[:material/autorenew: running]",
    "done": ":green-badge[:material/check: done]",
    "failed": ":red-badge[:material/error: failed]",
    "cancelled": ":gray-badge[:material/cancel: cancelled]",
    "interrupted": ":orange-badge[:material/power_off: interrupted]",
}


def run_of(case_id: str, run_id: str) -> Run | None:
    """The run of that id; None if the case has none."""
    return next((run for run in cases().runs(case_id) if run.id == run_id), None)


def watch(case_id: str, run_id: str, *, key: str, curve: bool = True) -> Run | None:
    """Show a run and, while it is live, keep it up to date; the page runs again when it ends."""
    run = run_of(case_id, run_id)
    if run is None:
        return None
    every = 1.0 if run.state in LIVE else None
    st.fragment(_show, run_every=every)(case_id, run_id, key, curve, run.state)
    return run


def _show(case_id: str, run_id: str, key: str, curve: bool, state_before: str) -> None:
    run = run_of(case_id, run_id)
    if run is None or run.state != state_before:
        st.rerun()
    if run.state in LIVE:
        _live(run, key)
    elif run.state != "done":
        _ended(run, key)
    if curve and run.figures:
        _curve(run, key)


def _curve(run: Run, key: str) -> None:
    """Plotly starts afresh with every new figure, so a live run gets a plain drawing."""
    if run.state in LIVE:
        st.html(live_curve(run.figures, template=charts.template()))
        reading("One curve for each figure that the run reports; left is its start.")
    else:
        figure = loss_curve(run.figures, template=charts.template())
        sentence = "Each line is one figure that the run reports; left is its start."
        charts.chart(figure, f"{key}_curve", sentence)


def _live(run: Run, key: str) -> None:
    left, right = st.columns([6, 1], vertical_alignment="center")
    left.progress(min(1.0, max(0.0, run.share)), text=status_line(run))
    if run.cancelling:
        right.markdown(":gray[Stopping]")
    elif right.button("Cancel", key=f"{key}_cancel", icon=":material/stop:", width="stretch"):
        lanes().cancel(run.case_id, run.id)
        st.rerun()


def status_line(run: Run) -> str:
    """One line: what it does and how long it will take, or its place in the queue."""
    if run.state == "queued":
        ahead = f", {run.position - 1} ahead of it" if run.position > 1 else ""
        return f"Waiting for the worker{ahead}"
    left = f" · about {duration(run.eta_s)} left" if run.eta_s else ""
    return f"{as_written(run.message or 'Working')}{left}"


def _ended(run: Run, key: str) -> None:
    problem(DisgorgeError(run.problem or "The run did not finish.", run.remedy))
    if run.detail:
        with st.expander("For engineers", key=f"{key}_detail"):
            st.code(run.detail, language=None)
    if st.button("Start again", key=f"{key}_again", icon=":material/replay:"):
        lanes().again(run.case_id, run.id)
        st.rerun()


def sidebar(case: Case) -> None:
    """The live run of the case in the sidebar, with a link to all runs."""
    live = [run for run in cases().runs(case.id) if run.state in LIVE]
    if live:
        st.fragment(_sidebar, run_every=1.0)(case.id)


def _sidebar(case_id: str) -> None:
    live = [run for run in cases().runs(case_id) if run.state in LIVE]
    if not live:
        st.rerun()
    now = next((run for run in live if run.state == "running"), live[-1])
    st.progress(min(1.0, max(0.0, now.share)), text=status_line(now))
    more = f" (and {len(live) - 1} more)" if len(live) > 1 else ""
    link("disgorge/runs", f"Running now{more}", ":material/play_circle:")
