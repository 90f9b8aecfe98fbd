"""Figures on screen: in the colours of the user's theme, with a sentence on how to read them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from disgorge_core.figures.theme import Palette, palette
from pages.common.messages import reading

CONFIG = {"displaylogo": False, "displayModeBar": False, "scrollZoom": False}


def template() -> str:
    """The ground of the user's theme: "light" or "dark"."""
    return "dark" if st.context.theme.type == "dark" else "light"


def colours() -> Palette:
    """The colours of the user's theme."""
    return palette(template())


def chart(figure: go.Figure, key: str, sentence: str) -> None:
    """A figure that is only looked at."""
    st.plotly_chart(figure, key=key, theme=None, width="stretch", config=CONFIG, alt=sentence)
    reading(sentence)


def clickable(
    figure: go.Figure, key: str, sentence: str, *, on_select: Callable[[], None] | str = "rerun"
) -> list[dict[str, Any]]:
    """A figure whose marks can be clicked: the clicked points, empty if none."""
    event = st.plotly_chart(
        figure, key=key, theme=None, width="stretch", config=CONFIG, alt=sentence,
        on_select=on_select, selection_mode="points",
    )  # fmt: skip
    reading(sentence)
    return list(event["selection"]["points"])
