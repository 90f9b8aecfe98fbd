"""The families in two sentences each, and what the tiers' words mean."""

from __future__ import annotations

import html

import streamlit as st

from disgorge_core import words
from disgorge_core.guide import FAMILY_PRICES
from disgorge_core.registry import METHODS
from disgorge_core.types import Tier
from pages.common import messages
from pages.common.panels import PANELS, View


@PANELS.register
class Families:
    """Six families: what they do, what they cost, and which methods of theirs are here."""

    name, page, tab, title, order = "guide_families", "guide", "Families and tiers", "Families", 20

    def needs(self, view: View | None) -> None:
        """Nothing."""

    def draw(self, view: View | None) -> None:
        """A card for each family."""
        cards = [_card(family, text) for family, text in words.FAMILIES.items()]
        st.html(f'<div class="dg-grid">{"".join(cards)}</div>')
        st.caption(
            "Families after the taxonomy of Achille et al. (2024), with output guards added."
        )


def _card(family: str, text: str) -> str:
    titles = [kind.title for kind in METHODS.values() if kind.family == family]
    here = "; ".join(titles) if titles else "none yet"
    return (
        f'<div class="dg-box"><h4>{family.capitalize()}</h4>'
        f"<p>{text} {FAMILY_PRICES[family]}</p><small>Here: {html.escape(here)}</small></div>"
    )


@PANELS.register
class Tiers:
    """What a result may be called."""

    name, page, tab, title, order = "guide_tiers", "guide", "Families and tiers", "Tiers", 30

    def needs(self, view: View | None) -> None:
        """Nothing."""

    def draw(self, view: View | None) -> None:
        """One line a tier, strongest first."""
        for tier in Tier:
            text = words.TIERS[tier]
            badge, promise, left = st.columns([1, 4, 4], vertical_alignment="center")
            badge.markdown(messages.tier_badge(tier))
            promise.markdown(text.badge)
            left.markdown(f":gray[Left open: {text.unproved[0].lower()}{text.unproved[1:]}]")
        messages.reading(
            "The tier is that of the weakest part; an audit can lower a claim, never raise it."
        )
