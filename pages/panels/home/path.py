"""The path in five pictures."""

from __future__ import annotations

import base64

import streamlit as st

from pages.common.panels import PANELS, View

# Colours that can be read on light and on dark ground: a picture cannot follow the theme.
INK = 'fill="none" stroke="#2a8f97" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"'
SOFT, FULL, HOT = 'fill="#2a8f97" fill-opacity=".28"', 'fill="#2a8f97"', 'fill="#cf5f8d"'

CHOOSE = (
    f'<g {SOFT}><circle cx="10" cy="12" r="3"/><circle cx="30" cy="9" r="3"/>'
    '<circle cx="33" cy="30" r="3"/><circle cx="7" cy="31" r="3"/></g>'
    f'<g {HOT}><circle cx="18" cy="21" r="3"/><circle cx="25" cy="19" r="3"/>'
    '<circle cx="21" cy="28" r="3"/></g>'
    f'<path {INK} stroke-dasharray="3 3.4" '
    'd="M13 17c4-6 15-5 17 2s-3 15-9 15-12-10-8-17z"/>'
)
OWES = (
    f'<circle cx="9" cy="20" r="4.5" {HOT}/><path {INK} d="M15 17.5l11-7M16 20h10M15 22.5l11 7"/>'
    f'<circle cx="31" cy="8.5" r="3.6" {SOFT}/><circle cx="31" cy="20" r="3.6" {FULL}/>'
    f'<circle cx="31" cy="31.5" r="3.6" {SOFT}/>'
)
METHOD = (
    f'<rect x="6" y="7" width="28" height="7" rx="3" {SOFT}/>'
    f'<rect x="6" y="16.5" width="28" height="7" rx="3" {FULL}/>'
    f'<rect x="6" y="26" width="28" height="7" rx="3" {SOFT}/>'
    '<path d="M10 20l2 2 3.6-4" fill="none" stroke="#fff" stroke-width="1.8"/>'
)
RUN = (
    f'<path {INK} d="M32 14.5A13.5 13.5 0 1 0 33.5 20"/><path {INK} d="M33 7v7.5h-7.5"/>'
    f'<path d="M16.5 14.5v11l9-5.5z" {FULL}/>'
)
COMPARE = (
    f'<rect x="6" y="18" width="7" height="15" rx="1.5" {SOFT}/>'
    f'<rect x="16.5" y="9" width="7" height="24" rx="1.5" {FULL}/>'
    f'<rect x="27" y="12" width="7" height="21" rx="1.5" {HOT}/>'
)
STEPS = (
    (CHOOSE, "Choose the data", "on a map, by a rule, or from a list"),
    (OWES, "See what the model owes", "which answers rest on them"),
    (METHOD, "Choose a method", "promise, price, needs"),
    (RUN, "Run it", "the old model stays as it is"),
    (COMPARE, "Compare and audit", "did it work, how sure is that"),
)


@PANELS.register
class Path:
    """Five pictures from the choice of data to the audit."""

    name, page, tab, title, order = "home_path", "home", "Home", "", 10

    def needs(self, view: View | None) -> None:
        """Nothing."""

    def draw(self, view: View | None) -> None:
        """The pictures in a row."""
        st.html(f'<div class="dg-path">{"".join(map(_step, STEPS))}</div>')


def _step(step: tuple[str, str, str]) -> str:
    picture, name, note = step
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40">{picture}</svg>'
    source = base64.b64encode(svg.encode()).decode()
    image = f'<img src="data:image/svg+xml;base64,{source}" alt="">'
    return f"<div>{image}<span><b>{name}</b><small>{note}</small></span></div>"
