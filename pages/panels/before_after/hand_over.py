"""What can be taken along: the report for counsel, the new model, the list of removed ids."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime

import streamlit as st

from disgorge_core.evidence.html import Subject, report
from disgorge_core.evidence.software import versions
from pages.common import compared
from pages.common.panels import PANELS, Need, View
from pages.common.progress import run_of
from pages.common.services import cases
from pages.panels.model.download import offer


@PANELS.register
class HandOver:
    """Downloads of a finished run."""

    name, page, tab, order = "before_after_hand_over", "before_after", "Hand over", 610
    title = "Take it along"

    def needs(self, view: View) -> Need | None:
        """A finished run."""
        return None if compared.current(view) else compared.NOTHING

    def draw(self, view: View) -> None:
        """One card for each thing."""
        found = compared.current(view)
        if found is None:
            return
        left, right = st.columns(2)
        with left:
            _report(view, found)
            _removed(found)
        with right.container(border=True):
            st.markdown("**The new model**")
            st.caption("In the format and under the weight names in which the first model came.")
            offer(view.case, found.values["after"], "before_after")


def _report(view: View, found: compared.Compared) -> None:
    with st.container(border=True):
        st.markdown("**Report for counsel**")
        st.caption(
            "One HTML file that opens offline and prints: what was asked and done, what may be "
            "claimed, numbers with intervals, what was not shown."
        )
        st.download_button(
            "Download the report", lambda: report(subject(view, found)).encode(),
            f"disgorgement-{view.case.id}-{found.run}.html", "text/html", type="primary",
            key="before_after_report", icon=":material/description:", on_click="ignore",
        )  # fmt: skip


def _removed(found: compared.Compared) -> None:
    with st.container(border=True):
        st.markdown("**The removed records**")
        st.caption("Their ids, how they were chosen and why, with the digest of the request.")
        st.download_button(
            "Download the ids", _ids(found), f"{found.forget.name}.json", "application/json",
            key="before_after_ids", icon=":material/list:", on_click="ignore",
        )  # fmt: skip


def subject(view: View, found: compared.Compared) -> Subject:
    """Everything that the report states."""
    run = run_of(view.case.id, found.run)
    ended = datetime.fromtimestamp(run.ended, UTC) if run and run.ended else datetime.now(UTC)
    names = {key: cases().model_card(found.values[key])["name"] for key in ("before", "after")}
    return Subject(
        case=view.case.name,
        data=found.data,
        forget=found.forget,
        before=(names["before"], found.values["before"]),
        after=(names["after"], found.values["after"]),
        outcome=found.outcome,
        comparison=found.comparison,
        finished=f"{ended:%d %B %Y, %H:%M} UTC",
        software=versions(),
    )


def _ids(found: compared.Compared) -> str:
    content = {**asdict(found.forget), "digest": found.forget.digest}
    return json.dumps(content, ensure_ascii=False, indent=1)
