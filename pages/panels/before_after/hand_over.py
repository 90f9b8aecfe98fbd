"""What can be taken along: the report for counsel, the new model, tables of records."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import streamlit as st

from disgorge_core import exports
from disgorge_core.evidence.html import Subject, report
from disgorge_core.evidence.software import versions
from disgorge_core.jobs.standing import standing
from pages.common import compared, table_files
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
            _tables(found)
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


def _tables(found: compared.Compared) -> None:
    """Every record, those that stay and those that went; whole, however many there are."""
    data, c = found.data, found.comparison
    stem = table_files.stem_of(found.forget.name)
    with st.container(border=True):
        st.markdown("**Tables**")
        _line("Every record, before and after", len(data))
        table_files.buttons(
            lambda path: exports.write_comparison(c, data, path), f"records-{found.run}",
            "before_after_all",
        )  # fmt: skip
        kept = np.flatnonzero(~c.excluded)
        _line("The retain set: what the new model may see, with its splits", len(kept))
        table_files.buttons(
            lambda path: exports.write_records(data, kept, path), f"retain-set-{stem}",
            "before_after_retain",
        )  # fmt: skip
        _line("The removed records; JSON: ids, reason, how they were chosen", len(found.forget))
        table_files.buttons(
            lambda path: exports.write_forget(data, found.forget, path), f"removed-{stem}",
            "before_after_ids", (*exports.SUFFIXES, ".json"),
        )  # fmt: skip
        st.caption(exports.GUARD)


def _line(what: str, count: int) -> None:
    st.caption(f"{what} · {count:,} record{'s' * (count != 1)}")


def _with_recipe(view: View, found: compared.Compared) -> dict[str, Any]:
    """The outcome, with what is known of a stated recipe among its notes."""
    said = standing(cases(), view.case.id, found.values["before"]).sentence
    return {**found.outcome, "notes": [*found.outcome["notes"], *([said] if said else [])]}


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
        outcome=_with_recipe(view, found),
        comparison=found.comparison,
        finished=f"{ended:%d %B %Y, %H:%M} UTC",
        software=versions(),
    )
