"""Which of the case's models is looked at and is the input of the next run."""

from __future__ import annotations

import streamlit as st

from pages.common import state
from pages.common.messages import as_written
from pages.common.panels import View
from pages.panels.model.cards import card, names

KEY = "model_choice"


def draw(view: View) -> None:
    """The choice, and one line about the chosen model."""
    if not view.case.models:
        return
    labels = names(view.case)
    options = list(labels)
    st.session_state[KEY] = view.model
    left, right = st.columns([2, 3], vertical_alignment="bottom")
    left.selectbox(
        "Model", options, format_func=labels.__getitem__, key=KEY, on_change=_take,
        help="The chosen model is what the other pages look at, and the input of the next run.",
    )  # fmt: skip
    right.markdown(badges(view.model))


def _take() -> None:
    state.put(model=st.session_state[KEY])


def badges(digest: str) -> str:
    """Markdown: origin, regime, what is known of the training records, earlier removals."""
    about = card(digest)
    lineage = about["lineage"]
    known = {"known": "green", "stated": "orange"}.get(lineage["trained_on"], "red")
    removed = len(lineage["excluded"])
    found = [
        f":gray-badge[{as_written(lineage['origin'])}]",
        f":gray-badge[{as_written(about['regime'])}]",
        f":{known}-badge[training records {as_written(lineage['trained_on'])}]",
    ]
    if about["members"][0].get("backbone"):
        found.append(":red-badge[history of the backbone unknown]")
    if about["members"][0].get("start"):
        found.append(":red-badge[history of the start weights unknown]")
    if removed:
        found.append(f":violet-badge[{removed} removal{'s' if removed > 1 else ''} so far]")
    return " ".join(found)
