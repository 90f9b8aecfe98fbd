"""The chosen records: counted by value, and shown as pictures or rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from disgorge_core.types import Array
from pages.common import facets, hand, messages, state, tables
from pages.common.panels import PANELS, View
from pages.common.pick_tiles import pick_tiles
from pages.common.predictions import label_of

PAGE = 48  # tiles at once
FACET_HEIGHT = 330


@PANELS.register
class Chosen:
    """Counts by label and owner on the left, the records on the right."""

    name, page, tab, title, order = "explore_chosen", "explore", "Chosen records", "", 10

    def needs(self, view: View) -> None:
        """Nothing."""

    def draw(self, view: View) -> None:
        """Facets, then what they leave."""
        mask = hand.now(view).mask
        left, right = st.columns([4, 9], gap="medium")
        with left:
            shown = mask & _facets(view, mask)
        with right:
            _records(view, np.flatnonzero(shown), int(mask.sum()))


def _facets(view: View, mask: Array) -> Array:
    """The counts by value; gives the rows (n,) of the values that were clicked, all if none was."""
    names = facets.facet_names(view.data)
    if not names:
        return np.ones(len(view.data), dtype=bool)
    name = st.selectbox("Counted by", names, key="facet_by")
    table = facets.counts(view.data, name, mask)
    event = st.dataframe(
        table, key=f"facet_{name}", hide_index=True, height=min(FACET_HEIGHT, 38 + 35 * len(table)),
        on_select="rerun", selection_mode="multi-row", column_config=_columns(name),
    )  # fmt: skip
    messages.reading("Chosen of all. Tick rows to look at these alone, add or take them out.")
    values = table["value"].iloc[event["selection"]["rows"]].tolist()
    if not values:
        return np.ones(len(view.data), dtype=bool)
    held = facets.holding(view.data, name, values)
    few = ", ".join(map(repr, values[:4])) + (" ..." if len(values) > 4 else "")
    hand.buttons(view, "facet", held, f"{name} in [{few}]", ops=("add", "remove", "keep"))
    return held


def _columns(name: str) -> dict[str, object]:
    return {
        "value": st.column_config.TextColumn(name, width=118),
        "chosen": st.column_config.NumberColumn("chosen", format="localized", width=66),
        "of": st.column_config.NumberColumn("of", format="localized", width=60),
        "share": None,
    }


def _records(view: View, rows: Array, chosen: int) -> None:
    if not chosen:
        st.html(
            '<p class="dg-muted">Nothing is chosen yet. Draw around points on the map, write a '
            "filter, or tick a value on the left and add its records.</p>"
        )
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        pictures = view.data.kind == "image"
        kinds = ["Pictures" if pictures else "Cards", "Table"]
        look = st.segmented_control(
            "Show as", kinds, key="chosen_as", default=kinds[0 if pictures else 1], required=True
        )
        st.caption(
            f"{len(rows):,} of {chosen:,} chosen" if len(rows) < chosen else f"{chosen:,} chosen"
        )
    if look == "Table":
        _table(view, rows)
    else:
        _tiles(view, rows)


def _tiles(view: View, rows: Array) -> None:
    pages = -(-len(rows) // PAGE)
    page = 1
    if pages > 1:
        page = st.pagination(pages, key="chosen_page")
    shown = rows[(page - 1) * PAGE : page * PAGE]
    lines = [[(label_of(view.data, int(row)), "")] for row in shown]
    pick_tiles(
        "chosen_tiles",
        view.data,
        shown,
        lines,
        lambda row: open_card(view, row),
        opens="record_card",
    )
    messages.reading("Click a record for its card.")


def open_card(view: View, row: int) -> None:
    """Show a record's card; its id goes into the address."""
    state.put(record=str(view.data.ids[row]))


def _table(view: View, rows: Array) -> None:
    split = pd.DataFrame({"label": [label_of(view.data, int(row)) for row in rows]})
    tables.records(view.data, rows, "chosen_table", extra=split)
