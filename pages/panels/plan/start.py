"""The chosen method: its settings, its references, its price, and the one button."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import streamlit as st

from disgorge_core.disgorging import Offer
from disgorge_core.errors import DisgorgeError
from disgorge_core.jobs.references import why_no_references
from disgorge_core.jobs.uploaded import count_uploaded
from disgorge_core.params import make
from disgorge_core.registry import METHODS
from disgorge_core.types import Marks, Tier
from disgorge_core.words import TIERS
from pages.common import forms, messages, state
from pages.common.panels import PANELS, View
from pages.common.services import cases, lanes
from pages.panels.guide.paper import paper
from pages.panels.plan.forecast import (
    MOST_REFERENCES,
    Forecast,
    forecast,
    kept_references,
    share_in_words,
    time_in_words,
)
from pages.panels.plan.methods import chosen

REFERENCES = 5
WHY_REFERENCES = (
    "Models trained without the records, by the same recipe and other seeds: the yardstick of the "
    "comparison. Each costs one retrain, once; later runs on the same records use them again."
)
MARKS = (
    "What the audit will measure against, and which difference counts as none. Set before the run, so that "
    "nobody can say the bar was moved afterwards; it costs nothing until you start the audit."
)
SEED = (
    "Makes the run repeatable. Methods without chance in them, and a full retrain, which keeps the "
    "recipe's own seed, do not depend on it."
)


@PANELS.register
class Start:
    """Settings and price of the chosen method, and Run."""

    name, page, tab, title, order = "plan_start", "plan_start", "Start", "", 10

    def needs(self, view: View) -> None:
        """Nothing: the page asks for a model and a forget set first."""

    def draw(self, view: View) -> None:
        """The form and the button, then the method's theory."""
        found = forecast(view)
        offer = chosen(found)
        with st.container(border=True, gap="xsmall", key="plan_start"):
            st.markdown(f"#### {offer.title}")
            _promise(offer)
            settings = forms.fields(METHODS[offer.method], f"plan_{offer.method}", columns=2)
            seed, references = _seed_and_references(view, found)
            ready = _price(view, found, offer, settings, references)
            marks = _marks(found)
            request = {
                "task": "disgorge", "model": view.model, "forget": view.forget,
                "method": offer.method, "settings": settings, "seed": seed,
                "references": references, "marks": marks,
            }  # fmt: skip
            if st.button(
                "Run", key="plan_run", type="primary", icon=":material/play_arrow:", width="stretch",
                disabled=not ready,
            ):  # fmt: skip
                state.go("disgorge/runs", run=lanes().submit(view.case.id, request), tab="")
        paper(METHODS[offer.method])


def _promise(offer: Offer) -> None:
    words = TIERS[Tier(offer.tier)]
    left = f"{words.unproved[0].lower()}{words.unproved[1:]}"
    st.markdown(
        f"{messages.tier_badge(offer.tier)} {words.badge} :gray[What it leaves open: {left}]"
    )


def _seed_and_references(view: View, found: Forecast) -> tuple[int, int]:
    left, right = st.columns(2, gap="medium")
    seed = left.number_input(
        "Seed", min_value=0, max_value=2**31, value=0, step=1, key="plan_seed", help=SEED
    )
    reason = why_no_references(found.facts)
    if reason:
        right.caption(f"{reason} {_brought(view)}")
        return int(seed), 0
    references = right.number_input(
        "References", min_value=0, max_value=MOST_REFERENCES, value=REFERENCES, step=1,
        key="plan_references", help=WHY_REFERENCES,
    )  # fmt: skip
    return int(seed), int(references)


def _marks(found: Forecast) -> dict[str, Any]:
    """Pass marks of the later audit: they are locked with the run, before its result is known."""
    with st.expander("Pass marks of the audit", key="plan_marks", icon=":material/lock:"):
        st.caption(MARKS)
        hidden: tuple[str, ...] = ("checks", "seed")
        if why_no_references(found.facts):
            hidden = (*hidden, "references", "twins", "repeats")
        chosen = forms.fields(Marks, "plan_marks", hide=hidden, columns=2)
    return asdict(make(Marks, chosen))


def _price(
    view: View, found: Forecast, offer: Offer, settings: dict[str, Any], references: int
) -> bool:
    """What it will cost; False where the method does not apply with these settings, and why."""
    try:
        share, reason = found.share(offer.method, settings), found.why_not(offer.method, settings)
    except DisgorgeError as error:
        messages.problem(error)
        return False
    if reason:
        st.warning(reason, icon=":material/block:")
        return False
    kept = min(references, kept_references(view, found)) if references else 0
    missing = references - kept
    own, beside = found.seconds(share), missing * found.retrain
    brought = _brought(view)
    lines = {
        "Method": (share_in_words(share), time_in_words(own)),
        _references(references, kept): (
            f"up to {missing} retrain{'s' if missing > 1 else ''}" if missing else "",
            time_in_words(beside) if missing else "free",
        ),
        **({brought: ("", "free")} if brought else {}),
        "Together": ("", time_in_words(own + beside)),
    }
    rows = "".join(
        f"<tr><td>{name}</td><td>{what}</td><td>{time}</td></tr>"
        for name, (what, time) in lines.items()
    )
    st.html(f'<table class="dg-price">{rows}</table>')
    return True


def _brought(view: View) -> str:
    """The references that the user brought for these records, in words; empty for none."""
    count = count_uploaded(cases(), view.case.id, view.forget)
    return f"{count} reference{'s' if count > 1 else ''} of your own" if count else ""


def _references(wanted: int, kept: int) -> str:
    if not wanted:
        return "No references"
    if not kept:
        return f"{wanted} reference{'s' if wanted > 1 else ''}"
    return (
        f"{wanted} references, {kept} kept from before"
        if kept < wanted
        else f"{wanted} kept references"
    )
