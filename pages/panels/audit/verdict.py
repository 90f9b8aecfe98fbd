"""The verdict, before anything else: what was measured, what it means, what it does not show."""

from __future__ import annotations

import numpy as np
import streamlit as st

from disgorge_core.types import Tier, Verdict
from disgorge_core.words import duration
from pages.common import audited, messages
from pages.common.panels import PANELS, View

ICONS = {
    "exact": "verified", "certified": "verified", "not distinguishable": "check_circle",
    "reduced": "trending_down", "no trace": "visibility_off", "no effect": "cancel", "worse": "trending_up",
    "suppressed": "block", "cannot tell": "help",
}  # fmt: skip


@PANELS.register
class TheVerdict:
    """The newest finished audit of the run; nothing where there is none."""

    name, page, tab, title, order = "audit_verdict", "audit", "Verdict", "", 10

    def needs(self, view: View) -> None:
        """Nothing: without an audit the panel below offers one."""

    def draw(self, view: View) -> None:
        """The card."""
        found = audited.current(view)
        if found is None:
            return
        v = found.report.verdict
        with st.container(border=True, key="audit_verdict"):
            st.markdown(
                f"### :{audited.COLOURS[v.key]}[:material/{ICONS[v.key]}: {messages.as_written(v.title)}]"
            )
            for reason in v.reasons:
                st.markdown(messages.as_written(reason))
            _three(v)
            if said := besides(found):
                st.markdown(f":material/warning: {said}")
            st.caption(_facts(view, found))


def besides(found: audited.Audited) -> str:
    """What changed that should not have: groups of kept and test records, beyond chance."""
    said = [
        f"{int((np.asarray(f.arrays['p_together']) <= found.report.marks.level).sum())} of "
        f"{len(f.arrays['p_together'])} groups of {f.records.lower().removesuffix(' records')} records"
        for f in found.report.findings
        if f.check == "collateral"
        and "p_together" in f.arrays
        and (np.asarray(f.arrays["p_together"]) <= found.report.marks.level).any()
    ]
    if not said:
        return ""
    return f"Besides, answers changed beyond chance for {' and '.join(said)}: see Collateral."


def _facts(view: View, found: audited.Audited) -> str:
    """What was laid on the bench, what the method cost, and whether it carries a certificate."""
    one, report = audited.subject(view), found.report
    said = [f"Tested beside {report.references} references and {report.twins} twins"]
    how = audited.made(view.case, one) if one else {}
    if not how:
        return f"{said[0]}. The model after was made elsewhere: only tests speak for it, and no certificate."
    cost = how["cost"]
    said.append(
        f"made by {how['title']}, {cost['of_full']:.1%} of a retrain, {duration(cost['seconds'])}"
    )
    certified = how["tier"] == Tier.CERTIFIED
    said.append("with the certificate named above" if certified else "without a certificate (ε, δ)")
    return f"{messages.tier_badge(Tier(how['tier']))} {'; '.join(said)}."


def _three(v: Verdict) -> None:
    said = {
        "What was measured": v.measured,
        "What it means": v.means,
        "What it does not show": v.leaves_open,
    }
    for place, (name, text) in zip(st.columns(3, gap="medium"), said.items(), strict=True):
        place.markdown(f"**{name}**  \n{messages.as_written(text)}")
