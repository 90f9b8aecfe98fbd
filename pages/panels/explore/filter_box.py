"""Choose by a rule, beside the map: a filter in plain words, with what it matches at once."""

from __future__ import annotations

import numpy as np
import streamlit as st

from disgorge_core.data import query
from disgorge_core.errors import BadQuery
from disgorge_core.types import Array, Dataset
from pages.common import hand, messages, state
from pages.common.facets import values_of
from pages.common.panels import PANELS, View

FILTER = "explore_filter"


@PANELS.register
class FilterBox:
    """A filter and what to do with the records that it matches."""

    name, page, tab, title, order = "explore_filter", "explore_hand", "Hand", "", 10

    def needs(self, view: View) -> None:
        """Nothing."""

    def draw(self, view: View) -> None:
        """The box, the count or the mistake, the buttons; an open card takes its place."""
        if state.asked("record"):
            return
        examples = examples_for(view.data)
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            text = st.text_input("Choose by filter", key=FILTER, placeholder=examples[0])
            with st.popover("", icon=":material/help:", key="filter_help"):
                _help(view.data, examples)
        mask = _matched(view.data, text)
        if mask is not None:
            messages.reading(f"{int(mask.sum()):,} records match.")
            hand.buttons(
                view, "filter", mask, f"where {text.strip()}", ops=("replace", "add", "remove")
            )


def _matched(data: Dataset, text: str) -> Array | None:
    if not text.strip():
        return None
    try:
        return query.select(data, text)
    except BadQuery as error:
        messages.problem(error)
        return None


def _help(data: Dataset, examples: list[str]) -> None:
    st.markdown("Click one to try it:")
    for number, example in enumerate(examples):
        st.button(
            f"`{example}`", key=f"filter_example_{number}", type="tertiary",
            on_click=_use, args=(example,),
        )  # fmt: skip
    names = [f"`{name}` ({kind})" for name, kind in query.columns(data).items()]
    st.markdown(f"Columns: {', '.join(names)}.")
    st.markdown(
        "Use `==`, `!=`, `<`, `>=`, `in [...]`, `contains(column, 'text')`, `missing(column)`, "
        "`and`, `or`, `not`. Names with spaces go between backticks."
    )


def _use(example: str) -> None:
    st.session_state[FILTER] = example


def examples_for(data: Dataset) -> list[str]:
    """Three filters that match something in this dataset."""
    role = data.roles.owner or data.roles.source
    if data.task == "regression":
        high = f"{named(data.roles.label)} > {np.quantile(data.y, 0.9):.4g}"
        own = f"{named(role)} == {str(values_of(data, role)[0])!r}" if role else high
        return [own, f"{high} and split == 'train'", "split == 'test'"]
    role = role or data.roles.label
    own = f"{named(role)} == {str(values_of(data, role)[0])!r}"
    label = f"{named(data.roles.label)} == {data.classes[0]!r}"
    return [own, f"{label} and split == 'train'", f"{own} or {label}"]


def named(column: str) -> str:
    """A column's name as a filter writes it."""
    return column if column.isidentifier() else f"`{column}`"
