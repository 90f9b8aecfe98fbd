"""Choose without the map: whole values of a column, or a list of ids."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import streamlit as st

from disgorge_core.data import forget_set
from disgorge_core.errors import DisgorgeError
from disgorge_core.types import Array
from pages.common import facets, hand, messages
from pages.common.panels import PANELS, View


@PANELS.register
class ByValue:
    """All records of some values of a column."""

    name, page, tab, title, order = "explore_by_value", "explore", "Values and ids", "By value", 20

    def needs(self, view: View) -> None:
        """Nothing."""

    def draw(self, view: View) -> None:
        """Column, values, buttons."""
        names = facets.facet_names(view.data)
        if not names:
            st.html('<p class="dg-muted">No column of this dataset repeats its values.</p>')
            return
        left, right = st.columns([1, 3])
        name = left.selectbox("Column", names, key="value_column", index=_start(view, names))
        table = facets.counts(view.data, name, np.zeros(len(view.data), dtype=bool))
        sizes = dict(zip(table["value"], table["of"], strict=True))
        values = right.multiselect(
            "Values", list(sizes), key=f"values_{name}", format_func=lambda v: f"{v} ({sizes[v]:,})"
        )
        mask = facets.holding(view.data, name, values)
        how = f"{name} in {values[:12]}" + (" ..." if len(values) > 12 else "")
        hand.buttons(view, "value", mask, how)


def _start(view: View, names: list[str]) -> int:
    owner = view.data.roles.owner or view.data.roles.source
    return names.index(owner) if owner in names else 0


@PANELS.register
class ByIds:
    """Records named by their ids."""

    name, page, tab, title, order = "explore_by_ids", "explore", "Values and ids", "By ids", 30

    def needs(self, view: View) -> None:
        """Nothing."""

    def draw(self, view: View) -> None:
        """A place to paste or drop the ids, then the buttons."""
        left, right = st.columns(2)
        few = ", ".join(map(str, view.data.ids[:3]))
        pasted = left.text_area(
            "Paste ids, one on each line", key="ids_text", placeholder=few, height=120
        )
        file = right.file_uploader(
            "Or a file: one id on each line, or a CSV with an id column", key="ids_file",
            type=["txt", "csv"],
        )  # fmt: skip
        content = file.getvalue() if file else pasted.encode()
        if not content.strip():
            return
        try:
            mask = mask_of_ids(view, content)
        except DisgorgeError as error:
            messages.problem(error)
            return
        count = int(mask.sum())
        messages.reading(f"{count:,} records of this dataset are on the list.")
        hand.buttons(view, "ids", mask, f"a list of {count:,} ids")


def mask_of_ids(view: View, content: bytes) -> Array:
    """Bool (n,) of the ids in a text or CSV; raises BadForgetSet."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ids.csv"
        path.write_bytes(content)
        return forget_set.from_file(view.data, path).mask(view.data)
