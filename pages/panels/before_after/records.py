"""Every record before and after, with those whose answer changed first."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from disgorge_core import comparison, exports
from disgorge_core.comparison import REMOVED, SETS, sets
from pages.common import compared, gallery, messages, table_files, tables
from pages.common.panels import PANELS, Need, View

SHOWN = 5_000  # rows of the table on screen; the download has all
SENTENCE = (
    "One line a record. *label before* and *label after* are the probabilities of its label; between "
    "*references low* and *high* lie the models that never saw the removed records."
)
OF_NUMBERS = (
    "One line a record: the true number, what each model predicts, and the median of the models that "
    "never saw the removed records."
)


@PANELS.register
class Records:
    """The per-record table with flips."""

    name, page, tab, order = "before_after_records", "before_after", "Records", 210
    title = "Record by record"

    def needs(self, view: View) -> Need | None:
        """A finished run."""
        return None if compared.current(view) else compared.NOTHING

    def draw(self, view: View) -> None:
        """Choose a set, see the table, take it along."""
        found = compared.current(view)
        if found is None:
            return
        left, right = st.columns([3, 1], vertical_alignment="bottom")
        with left:
            name = _choose(found)
        rows = sets(found.comparison, found.data)[name].nonzero()[0]
        table = comparison.records(found.comparison, found.data, rows)
        if "changed" in table and right.toggle(
            "Only changed answers", key="before_after_records_only"
        ):
            rows, table = rows[table["changed"].to_numpy()], table[table["changed"]]
        _table(found, rows, table)
        _downloads(found)


def _choose(found: compared.Compared) -> str:
    masks = sets(found.comparison, found.data)
    names = [name for name in SETS if masks[name].any()]
    counts = {name: int(masks[name].sum()) for name in names}
    return str(
        st.segmented_control(
            "Records", names, default=REMOVED if REMOVED in names else names[0], required=True,
            format_func=lambda name: f"{name} {counts[name]:,}", key="before_after_records_set",
        )
    )  # fmt: skip


def _table(found: compared.Compared, rows: object, table: pd.DataFrame) -> None:
    if table.empty:
        st.info("No answer changed here.", icon=":material/check:")
        return
    more = f"; the first {SHOWN:,} are shown, the download has all" if len(table) > SHOWN else ""
    st.markdown(_count(table) + more)
    shown = table.head(SHOWN).reset_index(drop=True).drop(columns="set")
    if "changed" in shown:
        shown.insert(1, "changed", shown.pop("changed"))
    if found.data.kind == "image":
        shown.insert(1, "picture", gallery.pictures(found.data, rows[:SHOWN]))  # type: ignore[index]
    if found.data.kind == "text":
        shown.insert(2, tables.TEXT, gallery.snippets(found.data, rows[:SHOWN]))  # type: ignore[index]
    probabilities = [c for c in shown if c.startswith(("label ", "references "))]
    columns = {
        c: st.column_config.ProgressColumn(c, min_value=0.0, max_value=1.0, format="%.3f")
        for c in probabilities
    }
    st.dataframe(
        shown, key="before_after_records", hide_index=True, height=420, lazy=len(shown) > 1_000,
        row_height=44 if "picture" in shown else 34,
        column_config={**columns, **tables.columns_of(shown)},
    )  # fmt: skip
    messages.reading(SENTENCE if found.data.task == "classification" else OF_NUMBERS)


def _count(table: pd.DataFrame) -> str:
    if "changed" in table:
        return f"**{int(table['changed'].sum()):,} of {len(table):,} answers changed**"
    moved = (table["after"] - table["before"]).abs().median()
    return f"**{len(table):,} records**, half of their predictions moved by {moved:.3g} or more"


def _downloads(found: compared.Compared) -> None:
    c, data = found.comparison, found.data
    st.caption(f"All {len(data):,} records as a file. {exports.GUARD}")
    table_files.buttons(
        lambda path: exports.write_comparison(c, data, path), f"records-{found.run}",
        "before_after_records_all",
    )  # fmt: skip
