"""All findings as strips beside the models that never saw the records."""

from __future__ import annotations

import streamlit as st

from disgorge_core.figures.audit_strips import legend, strips
from disgorge_core.types import About, Finding
from pages.common import audited, charts, messages
from pages.common.panels import PANELS, View

READING = (
    "One line a finding, each on its own scale. The gold band is the floor: the middle 95 % of what models "
    "that never saw the records show among themselves. After should stand in the band. Rank p is how often a "
    "model that never saw the records would look at least as odd as the model after; it cannot fall below "
    "1 / (references + 1)."
)


@PANELS.register
class Strips:
    """Findings about this model, then those about the procedure."""

    name, page, tab, title, order = "audit_strips", "audit", "Verdict", "", 30

    def needs(self, view: View) -> None:
        """Nothing: without an audit there is nothing to draw."""

    def draw(self, view: View) -> None:
        """The strips of the newest audit."""
        found = audited.current(view)
        if found is None or not found.report.findings:
            return
        for about, title in (
            (About.MODEL, "About this model"),
            (About.PROCEDURE, "About the procedure"),
        ):
            findings = [f for f in found.report.findings if f.about is about]
            if findings:
                _table(title, findings)
        messages.reading(READING)


def _table(title: str, findings: list[Finding]) -> None:
    st.subheader(title, anchor=False)
    ground = charts.template()
    st.html(legend(findings, template=ground) + strips(findings, template=ground))
