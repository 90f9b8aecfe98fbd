"""The records that stand out most, one by one: averages hide people."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from disgorge_core.audit.bench import KEPT, REMOVED
from disgorge_core.types import Finding
from pages.common import audited, gallery, messages, tables
from pages.common.panels import PANELS, Need, View

MOST = 100  # rows of the table
TILES = 16
ABOUT = {
    REMOVED: "Removed records whose answers are farthest from those of models that never saw them.",
    KEPT: "Kept records that the method moved farthest away from where references stand.",
}
READING = (
    "z is how far the model's preference for the label is from the mean of the references, in their standard "
    "deviations. Above 0 the model is surer of the label than models that never saw the removed records; "
    "values between -2 and 2 are ordinary."
)


@PANELS.register
class Worst:
    """Removed and kept records with the largest distance after."""

    name, page, tab, title, order = "audit_worst", "audit", "Worst records", "", 40

    def needs(self, view: View) -> Need | None:
        """A finished audit with references."""
        found = audited.current(view)
        if found is None:
            return audited.NOTHING
        if not _findings(found):
            return Need("This needs references, and there were none.", "prove/audit", "Audit again")
        return None

    def draw(self, view: View) -> None:
        """Choose a set; tiles and a table."""
        found = audited.current(view)
        if found is None:
            return
        findings = _findings(found)
        name = st.segmented_control(
            "Records",
            list(findings),
            default=next(iter(findings)),
            required=True,
            key="audit_worst_set",
        )
        _draw(view, str(name), findings[str(name)])


def _findings(found: audited.Audited) -> dict[str, Finding]:
    return {
        f.records: f
        for f in found.report.findings
        if f.check == "distance" and f.records in ABOUT and len(f.arrays.get("rows", ()))
    }


def _draw(view: View, name: str, finding: Finding) -> None:
    rows, before, after = (np.asarray(finding.arrays[k]) for k in ("rows", "before", "after"))
    order = np.argsort(-np.abs(after), kind="stable")
    beyond = int((np.abs(after) > 3).sum())
    st.markdown(
        f"{ABOUT[name]} **{beyond:,} of {len(rows):,}** lie beyond three standard deviations after, "
        f"{int((np.abs(before) > 3).sum()):,} before."
    )
    first = order[:TILES]
    gallery.tiles(
        view.data, rows[first],
        captions=[f"{gallery.label(view.data, rows[i])} · z {after[i]:.1f}" for i in first],
    )  # fmt: skip
    shown = order[:MOST]
    extra = pd.DataFrame({"z before": before[shown].round(2), "z after": after[shown].round(2)})
    if len(order) > MOST:
        st.caption(f"The first {MOST} of {len(order):,} are listed.")
    tables.records(view.data, rows[shown], "audit_worst_table", extra=extra, height=320)
    messages.reading(READING)
