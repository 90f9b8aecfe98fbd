"""What was done and what may be said of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from disgorge_core.jobs.standing import standing
from disgorge_core.types import Tier
from disgorge_core.words import TIERS, duration
from pages.common import audited, compared, messages
from pages.common.panels import PANELS, Need, View
from pages.common.services import cases


@PANELS.register
class Claim:
    """The first thing on the page: tier, claim, cost, effect."""

    name, page, tab, title, order = "before_after_claim", "before_after", "Overview", "", 10

    def needs(self, view: View) -> Need | None:
        """A finished run."""
        return None if compared.current(view) else compared.NOTHING

    def draw(self, view: View) -> None:
        """The claim, its figures, and what weakens it."""
        found = compared.current(view)
        if found is None:
            return
        o, tier = found.outcome, Tier(found.outcome["tier"])
        with st.container(border=True, key="before_after_claim"):
            verdict = audited.verdicts(view.case.id).get(found.run)
            _head(found, tier, verdict)
            st.markdown(audited.claim(o["claim"], verdict))
            recipe = standing(cases(), view.case.id, found.values["before"]).sentence
            if recipe:
                st.markdown(f":material/info: {recipe}")
            _figures(found)
            notes = [note for note in o["notes"] if note not in o["claim"]]
            with st.expander("What this leaves open", key="before_after_open"):
                st.markdown("\n".join(f"- {line}" for line in [TIERS[tier.value].unproved, *notes]))


def _head(found: compared.Compared, tier: Tier, verdict: Mapping[str, Any] | None) -> None:
    """Method, tier and verdict, and the way to the audit."""
    with st.container(horizontal=True, vertical_alignment="center", key="claim_head"):
        badges = f"{messages.tier_badge(tier)} {audited.badge(verdict)}"
        st.markdown(f"**{found.outcome['title']}** &nbsp; {badges}", width="stretch")
        label = "The audit" if verdict else "Test this result"
        messages.link("prove/audit", label, ":material/fact_check:", run=found.run)


def _figures(found: compared.Compared) -> None:
    o = found.outcome
    cells = [
        (_what(o), f"{int(found.comparison.forget[found.data.split == 0].sum()):,}"),
        ("Time", duration(o["cost"]["seconds"])),
        ("Cost", f"{100 * o['cost']['of_full']:.0f} % of a retrain"),
        ("References", _references(found)),
        ("Weights", _moved(o["distance"])),
    ]
    for place, (name, value) in zip(st.columns(len(cells)), cells, strict=True):
        place.metric(name, value)


def _references(found: compared.Compared) -> str:
    """How many, and how many of them the user brought."""
    total, own = len(found.comparison.references), found.values.get("uploaded", 0)
    if own == total and own:
        return f"{total}, your own"
    return f"{total} ({own} your own)" if own else f"{total}"


def _what(outcome: Mapping[str, Any]) -> str:
    blocked = outcome["tier"] == Tier.SUPPRESSED
    return "Training records blocked" if blocked else "Removed from training"


def _moved(distance: float) -> str:
    """How far the weights moved, as a share of their length; a number that is none: not to say."""
    if distance != distance:
        return "not comparable"
    return f"moved by {100 * distance:.2g} %" if distance else "unchanged"
