"""What was not tested, and why."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.common import audited, messages
from pages.common.panels import PANELS, Need, View

ALWAYS = (
    "Whether the log of the run is true: the same weights can come from different data, so weights alone "
    "show no more than tests of them.",
    "Attacks that are not in the list of findings, among them extraction of whole records.",
    "Copies of the records and of earlier models elsewhere.",
    "Models that others made from this one, and versions with fewer bits.",
)


@PANELS.register
class Untested:
    """Checks that were skipped, with the reason, and what no check here can show."""

    name, page, tab, title, order = "audit_untested", "audit", "What was not tested", "", 60

    def needs(self, view: View) -> Need | None:
        """A finished audit."""
        return None if audited.current(view) else audited.NOTHING

    def draw(self, view: View) -> None:
        """The two lists."""
        found = audited.current(view)
        if found is None:
            return
        st.subheader("Checks that were not run", anchor=False)
        if found.report.skipped:
            lines = [f"{one.title}: {one.reason}" for one in found.report.skipped]
            st.markdown(_listed(lines))
        else:
            st.markdown("All checks that there are were run.")
        if found.values.get("limits"):
            st.subheader("What cannot be known of this pair", anchor=False)
            st.markdown(_listed(found.values["limits"]))
        st.subheader("What no check here shows", anchor=False)
        st.markdown(_listed(ALWAYS))


def _listed(lines: Sequence[str]) -> str:
    return "\n".join(f"- {messages.as_written(line)}" for line in lines)
