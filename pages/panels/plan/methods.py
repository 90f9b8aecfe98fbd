"""The methods: the recommended one first, the others by what they promise, then what does not apply."""

from __future__ import annotations

from itertools import groupby

import streamlit as st

from disgorge_core import words
from disgorge_core.disgorging import Offer
from disgorge_core.types import Tier
from pages.common import messages, state
from pages.common.panels import PANELS, View
from pages.panels.plan.forecast import Forecast, forecast, share_in_words, time_in_words

CHOSEN = "plan_method"  # draft: the method that was chosen here


def chosen(found: Forecast) -> Offer:
    """The method of the URL, else the one chosen before, else the recommended one."""
    return found.offer(state.asked("method") or state.ui().draft.get(CHOSEN, ""))


@PANELS.register
class Methods:
    """One row a method."""

    name, page, tab, title, order = "plan_methods", "plan_methods", "Methods", "Methods", 10

    def needs(self, view: View) -> None:
        """Nothing: the page asks for a model and a forget set first."""

    def draw(self, view: View) -> None:
        """By tier, the recommended one's first; then what does not apply."""
        found = forecast(view)
        now = chosen(found).method
        fits = [offer for offer in found.offers if offer.why_not is None]
        for tier, offers in groupby(fits, key=lambda offer: offer.tier):
            _promise(tier)
            for offer in offers:
                _row(found, offer, now)
        _not_here([offer for offer in found.offers if offer.why_not is not None])


def _promise(tier: Tier) -> None:
    st.markdown(f"{messages.tier_badge(tier)} :gray[{words.TIERS[tier].badge}]")


def _row(found: Forecast, offer: Offer, now: str) -> None:
    look = "chosen" if offer.method == now else "open"
    with st.container(border=True, key=f"method_{look}_{offer.method}", gap="xsmall"):
        if offer.reason:
            st.markdown(f":material/recommend: **Recommended.** {offer.reason}")
        left, right = st.columns([13, 6], vertical_alignment="center")
        left.markdown(f"**{offer.title}**  \n:gray[{offer.promise}]")
        with right:
            _cost(found, offer)
            st.button(
                "Chosen" if offer.method == now else "Choose", key=f"choose_{offer.method}",
                on_click=_choose, args=(offer.method,), width="stretch",
                disabled=offer.method == now,
            )  # fmt: skip


def _choose(method: str) -> None:
    state.ui().draft[CHOSEN] = method
    state.put(method=method)


def _cost(found: Forecast, offer: Offer) -> None:
    width = min(100.0, 100 * offer.price)
    time = time_in_words(found.seconds(offer.price))
    st.html(
        f'<div class="dg-cost"><i><u style="width:{width:.1f}%"></u></i>'
        f"<b>{share_in_words(offer.price)}</b><small>{time}</small></div>"
    )


def _not_here(offers: list[Offer]) -> None:
    if not offers:
        return
    with st.expander(f"{len(offers)} that do not apply here", expanded=True, key="plan_not_here"):
        for offer in offers:
            tier = messages.tier_badge(offer.tier)
            st.markdown(f":gray[**{offer.title}**] {tier}  \n:gray[{offer.why_not}]")
        messages.link("case/model", "Models of this case", tab="Train")
