"""The audit that belongs to the finished run that is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from disgorge_core.jobs import Run
from disgorge_core.jobs.audits import report_of
from disgorge_core.types import AuditReport
from pages.common import compared, progress
from pages.common.panels import Need, View
from pages.common.services import cases

NOTHING = Need("There is no finished audit of this run yet.", "prove/audit", "Start one")


@dataclass(frozen=True, eq=False)
class Audited:
    """A finished audit: its run, its report, and what was kept beside it."""

    run: str
    report: AuditReport
    values: Mapping[str, Any]


def of_run(view: View) -> list[Run]:
    """All audits of the run that is looked at, the newest first."""
    found = compared.current(view)
    if found is None:
        return []
    runs = cases().runs(view.case.id)
    return [
        r for r in runs if r.request.get("task") == "audit" and r.request["audited"] == found.run
    ]


def current(view: View) -> Audited | None:
    """The newest finished audit; None if there is none."""
    done = [run for run in of_run(view) if run.state == "done"]
    return _load(view.case.id, done[0].id) if done else None


def under_way(view: View) -> Run | None:
    """The newest audit that has not ended, or that ended without a result after the newest finished one."""
    runs = of_run(view)
    return runs[0] if runs and (runs[0].state in progress.LIVE or runs[0].state != "done") else None


@st.cache_resource(show_spinner=False, max_entries=6)
def _load(case_id: str, run_id: str) -> Audited:
    result = cases().run(case_id, run_id).result()
    return Audited(run_id, report_of(result.values, result.arrays), result.values)
