"""Tables of records and of results, with the same columns and formats on every page."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from disgorge_core.data.columns import column_of
from disgorge_core.types import SPLITS, Array, Dataset, Estimate
from pages.common import gallery

LAZY_ABOVE = 1_000  # rows; larger tables are fetched by the browser as it scrolls
SELECT_LIMIT = 2_000  # rows of a table in which rows can be chosen
TEXT, WORDS_WIDE = "first words", 340  # the column of a text's beginning, and its pixels


def frame(data: Dataset, rows: Array, extra: pd.DataFrame | None = None) -> pd.DataFrame:
    """One row a record: id, picture or first words, `extra` columns, label, split, metadata, columns."""
    parts = [pd.DataFrame({"id": data.ids[rows].astype(str)})]
    if data.kind == "text":
        parts.append(pd.DataFrame({TEXT: gallery.snippets(data, rows)}))
    if data.kind == "image" and len(rows) <= gallery.TABLE_LIMIT:
        parts.append(pd.DataFrame({"picture": gallery.pictures(data, rows)}))
    if extra is not None:
        parts.append(extra.reset_index(drop=True))
    roles = data.roles
    of_role = roles.label if roles.label in data.meta else "label"
    labels = column_of(data, of_role).values
    parts.append(pd.DataFrame({"label": labels.iloc[rows].to_numpy()}))
    parts.append(pd.DataFrame({"split": np.array(SPLITS, dtype=object)[data.split[rows]]}))
    hidden = [roles.label, roles.id, *([roles.text] if data.kind == "text" else [])]
    shown = data.meta.drop(columns=hidden, errors="ignore").rename(columns={"label": "own label"})
    parts.append(shown.iloc[rows].reset_index(drop=True))
    if data.kind == "table":
        own = data.take(rows).reset_index(drop=True)
        parts.append(own[[c for c in own if c not in data.meta.columns]])
    joined = pd.concat(parts, axis=1)
    return joined.loc[:, ~joined.columns.duplicated()]


def records(
    data: Dataset, rows: Array, key: str, *, extra: pd.DataFrame | None = None, height: int = 420
) -> None:
    """A table of records that is only read; large ones are fetched while scrolling."""
    table = frame(data, rows, extra)
    st.dataframe(
        table, key=key, hide_index=True, height=height, lazy=len(table) > LAZY_ABOVE,
        column_config=columns_of(table), row_height=_row_height(table), placeholder=gallery.MISSING,
    )  # fmt: skip


def pick(
    data: Dataset,
    rows: Array,
    key: str,
    *,
    extra: pd.DataFrame | None = None,
    mode: str = "multi-row",
    height: int = 420,
) -> Array:
    """A table in which rows can be chosen; gives their row numbers in the dataset."""
    shown = rows[:SELECT_LIMIT]
    if len(rows) > SELECT_LIMIT:
        st.caption(
            f"The first {SELECT_LIMIT:,} of {len(rows):,} records; filter to reach the others."
        )
    table = frame(data, shown, None if extra is None else extra.iloc[: len(shown)])
    event = st.dataframe(
        table, key=key, hide_index=True, height=height, on_select="rerun", selection_mode=mode,
        column_config=columns_of(table), row_height=_row_height(table), placeholder=gallery.MISSING,
    )  # fmt: skip
    return shown[np.array(event["selection"]["rows"], dtype=int)]


def columns_of(table: pd.DataFrame) -> dict[str, Any]:
    """Column settings by name: pictures as pictures, the id kept in sight."""
    known = {
        "id": st.column_config.TextColumn("id", pinned=True, width="small"),
        "picture": st.column_config.ImageColumn("picture", width=72),
        TEXT: st.column_config.TextColumn(TEXT, width=WORDS_WIDE),
    }
    return {name: column for name, column in known.items() if name in table.columns}


def _row_height(table: pd.DataFrame) -> int:
    return 44 if "picture" in table.columns else 34


def interval(estimate: Estimate, digits: int = 1) -> str:
    """A share with its interval in percent: "91.2 % (88.0 to 93.6)"."""
    value, low, high = (100 * v for v in (estimate.value, estimate.low, estimate.high))
    return f"{value:.{digits}f} % ({low:.{digits}f} to {high:.{digits}f})"


def facts(pairs: dict[str, str], key: str) -> None:
    """Names and values side by side, for cards."""
    cells = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in pairs.items())
    with st.container(key=f"facts_{key}"):
        st.html(f'<dl class="dg-facts">{cells}</dl>')
