"""All findings as strips beside the models that never saw the records."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from disgorge_core.audit.bench import REMOVED
from disgorge_core.figures.audit_strips import legend, strips
from disgorge_core.types import About, Decides, Finding
from pages.common import audited, charts, messages
from pages.common.panels import PANELS, View

READING = (
    "One line a finding, each on its own scale. The gold band is the floor: the middle 95 % of what models "
    "that never saw the records show among themselves. After should stand in the band. Rank p is how often a "
    "model that never saw the records would look at least as odd as the model after; it cannot fall below "
    "1 / (references + 1)."
)
PROCEDURE = (
    "The method run on many original seeds, against as many references. Here p is from relabelling models "
    "by chance, and cannot fall below 0.01. These do not decide."
)
TITLES = {
    "decides": "What decides",
    "beside": "What else was measured of this model",
    "procedure": "About the procedure",
}
TOGETHER = (
    "Ranked together, as one test, so that looking at several does not help a model to be refused or "
    "cleared: {names}."
)
LOWERS = "Can only lower the verdict: {names}."
BESIDE = (
    "These do not decide: among many measures some look odd by chance. {odd} of {count} have a rank p of "
    "{level:.0%} or less; for a model that never saw the records it would be about {chance:.0f}, or more "
    "where measures go together."
)
UNRANKED = "These do not decide: there are no references to rank the model after among."

ALIKE = (
    "All references give the same answers: training by this recipe leaves nothing to chance, so the floor is "
    "a line, differences too small to matter count as none, and more references would show no more. Attacks "
    "on single answers know no such limit: with all references equal, the smallest difference names a record."
)


@PANELS.register
class Strips:
    """Findings that decide, all others about this model, then those about the procedure."""

    name, page, tab, title, order = "audit_strips", "audit", "Verdict", "", 30

    def needs(self, view: View) -> None:
        """Nothing: without an audit there is nothing to draw."""

    def draw(self, view: View) -> None:
        """The strips of the newest audit."""
        found = audited.current(view)
        if found is None or not found.report.findings:
            return
        for kind, title in TITLES.items():
            findings = [f for f in found.report.findings if _kind(f) == kind]
            if findings:
                _table(kind, title, findings, found.report.marks.level)
        messages.reading(READING)
        if _alike(found.report.findings):
            st.markdown(f":material/info: {ALIKE}")


def _alike(findings: Sequence[Finding]) -> bool:
    """Whether the references are at no distance from each other on any records."""
    spans = [f.values["references"] for f in findings if f.check == "distance"]
    return bool(spans) and all(span.low == span.high == 0 for span in spans)


def _kind(finding: Finding) -> str:
    if finding.about is About.PROCEDURE:
        return "procedure"
    return "decides" if finding.decides else "beside"


def _table(kind: str, title: str, findings: list[Finding], level: float) -> None:
    st.subheader(title, anchor=False)
    if kind == "decides":
        st.caption(_deciding(findings))
    if kind == "beside":
        st.caption(_by_chance(findings, level))
    if kind == "procedure":
        st.caption(PROCEDURE)
    ground = charts.template()
    st.html(legend(findings, template=ground) + strips(findings, template=ground))
    with st.expander("What each of them is", key=f"audit_says_{kind}", type="compact"):
        st.markdown("\n".join(f"- {_said(finding)}" for finding in findings))


def _deciding(findings: Sequence[Finding]) -> str:
    """Which of these are ranked together, and which can only lower the verdict."""
    said = []
    for kind, sentence in ((Decides.RANKED, TOGETHER), (Decides.LOWERS, LOWERS)):
        own = dict.fromkeys(_named(f) for f in findings if f.decides is kind)
        said += [sentence.format(names=_listed(list(own)))] if own else []
    return messages.as_written(" ".join(said))


def _named(finding: Finding) -> str:
    """The measure; with its records where it decides by these only."""
    alone = finding.decides is Decides.LOWERS and finding.records != REMOVED
    return f"{finding.measure} ({finding.records.lower()})" if alone else finding.measure


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _by_chance(findings: list[Finding], level: float) -> str:
    ranks = [f.odds["after"] for f in findings if "after" in f.odds]
    if not ranks:
        return UNRANKED
    odd = sum(p <= level for p in ranks)
    return BESIDE.format(odd=odd, count=len(ranks), level=level, chance=level * len(ranks))


def _said(finding: Finding) -> str:
    records = f", {finding.records.lower()}" if finding.records else ""
    return (
        f"**{messages.as_written(finding.measure)}**{records}: {messages.as_written(finding.says)}"
    )
