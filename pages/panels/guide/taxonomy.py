"""The taxonomy as a map whose marks open each method's own page of theory."""

from __future__ import annotations

import streamlit as st

from disgorge_core import words
from disgorge_core.figures.taxonomy_map import Mark, colours, taxonomy_map
from disgorge_core.planning import typical_prices
from disgorge_core.registry import METHODS
from pages.common import charts, messages
from pages.common.panels import PANELS, View
from pages.panels.guide.paper import paper

CHART = "guide_map"
PICKED = "guide_method"


@PANELS.register
class Taxonomy:
    """Every method by when it must be arranged, what may be claimed, and what it costs."""

    name, page, tab, title, order = "guide_taxonomy", "guide", "Map of methods", "", 10

    def needs(self, view: View | None) -> None:
        """Nothing."""

    def draw(self, view: View | None) -> None:
        """The map, and beside it the chosen method."""
        left, right = st.columns([8, 5], gap="large")
        with left:
            _map()
        with right:
            _method()


def _map() -> None:
    chosen = st.session_state.get(PICKED, "")
    marks = _marks()
    _legend(marks)
    figure = taxonomy_map(marks, chosen=chosen, template=charts.template())
    charts.clickable(
        figure, CHART,
        "Columns say when a method must be arranged, bands what may be claimed for it (strongest on "
        "top). Within a column, left is free and right costs a full training. Click a mark to "
        "read. Costs are forecasts for 10 of 1,000 records and a small network.",
        on_select=_take,
    )  # fmt: skip
    st.caption("After the taxonomy of Achille et al. (2024), with output guards added.")


def _legend(marks: list[Mark]) -> None:
    found = colours(marks, charts.template())
    dots = [f'<span><i style="background:{c}"></i>{family}</span>' for family, c in found.items()]
    st.html(f'<div class="dg-legend">{"".join(dots)}</div>')


def _marks() -> list[Mark]:
    prices = typical_prices()
    return [
        Mark(m.name, m.title, m.family, m.timing, m.tier, prices[m.name]) for m in METHODS.values()
    ]


def _take() -> None:
    points = st.session_state[CHART]["selection"]["points"]
    if points:
        st.session_state[PICKED] = points[0]["customdata"][0]


def _method() -> None:
    name = st.selectbox(
        "Method", list(METHODS), format_func=lambda n: METHODS[n].title, key=PICKED
    )  # fmt: skip
    kind = METHODS[name]
    badges = [
        messages.tier_badge(kind.tier),
        f":gray-badge[{kind.timing}]",
        f":gray-badge[{kind.family}]",
    ]
    st.markdown(" ".join(badges))
    st.markdown(kind.promise)
    st.markdown(f"**{words.TIERS[kind.tier].title}** means: {words.TIERS[kind.tier].badge}")
    st.markdown(f"**Left open:** {words.TIERS[kind.tier].unproved}")
    paper(kind)
