"""Everything that has run in this case, the newest first; a chosen one shows its card."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from disgorge_core.comparison import REMOVED
from disgorge_core.errors import StoreError
from disgorge_core.jobs import Run
from disgorge_core.registry import METHODS, TASKS
from pages.common import audited, messages, progress, state
from pages.common.panels import PANELS, Need, View
from pages.common.services import cases
from pages.panels.runs import card
from pages.panels.runs.scores import scores

KEY = "runs_table"
STATES = {
    "done": "✓ done",
    "failed": "✗ failed",
    "cancelled": "– cancelled",
    "interrupted": "✗ interrupted",
}
MOST_ROWS, TALLEST = 9, 340  # rows, then pixels: a longer table scrolls
READ = (
    "Tick a run for its card. Before and after are {score} on the removed training records: after should "
    "come near what models say that never saw them, which is not always low."
)
NOTHING = "Nothing has run in this case yet. A run starts on the Plan page."


@PANELS.register
class History:
    """The table and the card of the chosen run."""

    name, page, tab, title, order = "runs_history", "runs", "History", "", 10

    def needs(self, view: View) -> Need | None:
        """A run."""
        if cases().runs(view.case.id):
            return None
        return Need(NOTHING, "disgorge/plan", "Plan a run")

    def draw(self, view: View) -> None:
        """Newest first; the card below belongs to the run of the URL, else to the newest."""
        runs = [run for run in cases().runs(view.case.id) if run.state not in progress.LIVE]
        if not runs:
            st.html('<p class="dg-muted">Nothing has ended yet.</p>')
            return
        shown = next((run for run in runs if run.id == view.run), runs[0])
        ids = [run.id for run in runs]
        verdicts = audited.verdicts(view.case.id)
        table = pd.DataFrame([_row(view, run, verdicts.get(run.id)) for run in runs])
        st.dataframe(
            table, key=KEY, hide_index=True, placeholder="", on_select=lambda: _open(ids),
            height="content" if len(runs) <= MOST_ROWS else TALLEST, selection_mode="single-row",
            selection_default={"selection": {"rows": [ids.index(shown.id)]}}, column_config=_columns(view),
        )  # fmt: skip
        messages.reading(READ.format(score=_measure(view)))
        card.draw(view, shown, what(view, shown), "history")


def _open(ids: list[str]) -> None:
    rows = st.session_state[KEY]["selection"]["rows"]
    if rows and rows[0] < len(ids):
        state.put(run=ids[rows[0]])


def what(view: View, run: Run) -> str:
    """One line that names a run: the task, or the method and its forget set."""
    request = run.request
    if request.get("task") == "disgorge":
        return f"{method_title(request)} · {forget_name(view, request)}"
    title = TASKS[request["task"]].title if request.get("task") in TASKS else "Unknown task"
    if request.get("task") == "audit":
        return f"{title} · {_audited(view, request)}"
    return f"{title} · {request['label']}" if request.get("label") else title


def _audited(view: View, request: dict) -> str:
    try:
        return method_title(cases().run(view.case.id, request["audited"]).request)
    except StoreError:
        return "deleted run"


def method_title(request: dict) -> str:
    """The title of the method of a request."""
    name = str(request.get("method", ""))
    return METHODS[name].title if name in METHODS else name


def forget_name(view: View, request: dict) -> str:
    """The name of the forget set of a request."""
    try:
        return cases().forget(view.case.id, str(request.get("forget", ""))).name
    except StoreError:
        return "deleted set"


def _row(view: View, run: Run, verdict: Mapping[str, Any] | None) -> dict[str, object]:
    request = run.request
    removal = request.get("task") == "disgorge"
    started = run.started
    when = started or run.ended
    return {
        "when": datetime.fromtimestamp(when) if when else None,
        "what": method_title(request) if removal else what(view, run),
        "records": forget_name(view, request) if removal else "",
        "tier": "",
        "state": STATES[run.state],
        "seconds": run.seconds if started else np.nan,
        "cost": np.nan,
        "before": np.nan,
        "after": np.nan,
        "verdict": _judged(run, verdict),
        **(_outcome(view, run) if removal and run.state == "done" else {}),
    }


def _judged(run: Run, verdict: Mapping[str, Any] | None) -> str:
    """The verdict in a word or two: of an audit its own, of a removal that of its newest audit."""
    task = run.request.get("task")
    if run.state != "done" or task not in ("disgorge", *card.AUDITS):
        return ""
    if task != "disgorge":
        return str(run.result().values["verdict"]["key"])
    return str(verdict["key"]) if verdict else "not audited"


def _outcome(view: View, run: Run) -> dict[str, object]:
    found = run.result().values["outcome"]
    scale = 100 if view.data.task == "classification" else 1
    removed = scores(view, run.id).set_index("set").loc[REMOVED]
    return {
        "tier": found["tier"],
        "cost": 100 * found["cost"]["of_full"],
        "before": removed["before"] * scale,
        "after": removed["after"] * scale,
    }


def _measure(view: View) -> str:
    return "right answers" if view.data.task == "classification" else "the error"


def _columns(view: View) -> dict[str, object]:
    form = "%.1f %%" if view.data.task == "classification" else "%.3g"
    score = f"{_measure(view).capitalize()} on the removed training records"
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    return {
        "when": st.column_config.DatetimeColumn("when", format="D MMM, HH:mm", width=92),
        "what": text("what", width=252),
        "records": text("records", width=100),
        "tier": text("tier", width=78),
        "state": text("state", width=86),
        "seconds": number("seconds", format="%.1f", width=64, help="References included"),
        "cost": number("cost", format="%.1f %%", help="Share of a full retrain", width=62),
        "before": number("before", format=form, help=f"{score}, before", width=66),
        "after": number("after", format=form, help=f"{score}, after", width=62),
        "verdict": text("verdict", help="Of the audit; a removal shows its newest", width=104),
    }
