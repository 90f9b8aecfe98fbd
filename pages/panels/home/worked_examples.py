"""Worked examples: a card each, opened with one click."""

from __future__ import annotations

import html

import streamlit as st

from disgorge_core.registry import EXAMPLES
from pages.common import state
from pages.common.panels import PANELS, View
from pages.common.services import cases
from pages.panels.home.cover import cover

ACROSS = 3  # cards in a row


@PANELS.register
class WorkedExamples:
    """Real models with real data and a request to answer."""

    name, page, tab, title, order = "home_examples", "home", "Home", "Worked examples", 20

    def needs(self, view: View | None) -> None:
        """Nothing."""

    def draw(self, view: View | None) -> None:
        """The cards."""
        kinds = EXAMPLES.values()
        for start in range(0, len(kinds), ACROSS):
            row = kinds[start : start + ACROSS]
            for place, kind in zip(st.columns(ACROSS), row, strict=False):
                with place, st.container(border=True, key=f"example_{kind.name}", height="stretch"):
                    _card(kind, first=kind is kinds[0])


def _card(kind: type, first: bool) -> None:
    name, title = kind.name, html.escape(kind.title)  # type: ignore[attr-defined]
    story = html.escape(kind.story)  # type: ignore[attr-defined]
    st.html(
        f'<div class="dg-card"><div class="dg-card-picture">{cover(name)}</div>'
        f"<h3>{title}</h3><p>{story}</p></div>"
    )
    look = "primary" if first else "secondary"
    if st.button("Open", key=f"open_example_{name}", type=look, width="stretch"):
        with st.spinner("Opening the example"):
            case = cases().open_example(name)
        forget = cases().forget_sets(case.id)
        state.go("select/explore", case=case.id, forget=forget[-1][0] if forget else "")
