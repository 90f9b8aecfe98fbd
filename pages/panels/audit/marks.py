"""The pass marks beside what was measured: one table, filled by the audit, changes visible."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import streamlit as st

from disgorge_core.params import params_of
from disgorge_core.types import Marks
from pages.common import audited, messages
from pages.common.panels import PANELS, Need, View

NONE_LOCKED = "No pass marks were locked before this run; these were set when its result was known."


@PANELS.register
class PassMarks:
    """What was agreed beforehand, and what was used."""

    name, page, tab, title, order = "audit_marks", "audit", "Pass marks", "Pass marks", 50

    def needs(self, view: View) -> Need | None:
        """A finished audit."""
        return None if audited.current(view) else audited.NOTHING

    def draw(self, view: View) -> None:
        """Locked, used, changed."""
        found = audited.current(view)
        if found is None:
            return
        locked, changed = found.values["locked"], set(found.values["changed"])
        if locked["marks"]:
            st.markdown(
                f":material/lock: Locked {_when(locked['at'])}, before the run. "
                f"Digest `{locked['digest'][:16]}`."
            )
        else:
            st.markdown(f":material/lock_open: {NONE_LOCKED}")
        table = _rows(found.values["marks"], locked["marks"], changed)
        st.table(table.set_index("pass mark"), border="horizontal")
        messages.reading(
            "A mark that differs from what was locked is named; the report carries both."
        )


def _rows(
    used: Mapping[str, Any], locked: Mapping[str, Any], changed: Collection[str]
) -> pd.DataFrame:
    """One row a mark: what was locked, where anything was, what was used, and what it means."""
    rows = []
    for p in params_of(Marks):
        row = {"pass mark": p.label, "used": _shown(used[p.name]), "meaning": p.help}
        if locked:
            row["locked"] = _shown(locked.get(p.name, p.default))
            row["changed"] = "after the run" if p.name in changed else ""
        rows.append(row)
    order = ["pass mark", "locked", "used", "changed", "meaning"]
    return pd.DataFrame(rows)[[name for name in order if name in rows[0]]]


def _shown(value: object) -> str:
    """As text; a setting that is empty stands for all."""
    return str(value) if str(value) else "all"


def _when(run_id: str) -> str:
    try:
        return (
            datetime.strptime(run_id[:15], "%Y%m%dT%H%M%S")
            .replace(tzinfo=UTC)
            .strftime("%d %B %Y, %H:%M:%S UTC")
        )
    except ValueError:
        return "with the run"
