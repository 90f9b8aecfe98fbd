"""One record as a card: what it is, what the model says of it."""

from __future__ import annotations

import html

import numpy as np
import streamlit as st

from disgorge_core.types import SPLITS, Dataset
from pages.common import gallery
from pages.common.predictions import Predictions, label_of

MOST_ANSWERS = 3
MOST_FACTS = 8
FIRST_LETTERS, MOST_LETTERS = 320, 20_000  # of a text: at once, and behind a click


def row_of(data: Dataset, record: str) -> int | None:
    """Row of the record of that id; None if the dataset has none."""
    return data.row_of.get(record)


def describe(data: Dataset, row: int, *, size: int = 88) -> None:
    """Picture, id and metadata; a table's row shows its columns, a text its words."""
    facts = {"label": label_of(data, row), "split": SPLITS[data.split[row]]}
    facts |= _metadata(data, row)
    picture = (
        f'<img src="{gallery.picture(data.x[row])}" width="{size}" height="{size}" alt="">'
        if data.kind == "image"
        else ""
    )
    cells = "".join(
        f"<dt>{html.escape(str(name))}</dt><dd>{html.escape(gallery.cell(value))}</dd>"
        for name, value in list(facts.items())[:MOST_FACTS]
    )
    st.html(f'<div class="dg-record">{picture}<dl class="dg-facts">{cells}</dl></div>')
    if data.kind == "table":
        _columns(data, row)
    if data.kind == "text":
        passage(str(data.x.iloc[row, 0]))


def _metadata(data: Dataset, row: int) -> dict[str, object]:
    hidden = {data.roles.label, data.roles.near, "label", "split"}
    own = set() if data.kind == "image" else set(data.x.columns)
    values = data.meta.iloc[row].to_dict()
    return {name: v for name, v in values.items() if name not in hidden | own}


def passage(text: str) -> None:
    """A text: its first words, and all of it behind a click."""
    first = gallery.snippet(text, FIRST_LETTERS)
    words = html.escape(text[:MOST_LETTERS]).replace("\n", "<br>")
    if len(first) >= len(text):
        st.html(f'<p class="dg-passage">{words}</p>')
        return
    more = "" if len(text) <= MOST_LETTERS else f" ... ({len(text):,} letters in all)"
    st.html(
        f'<details class="dg-passage"><summary>{html.escape(first)} <em>read on</em></summary>'
        f"<p>{words}{more}</p></details>"
    )


def _columns(data: Dataset, row: int) -> None:
    with st.expander("All columns", key="record_columns", type="compact"):
        values = data.take(np.array([row])).iloc[0]
        st.dataframe(values.map(gallery.cell).rename("value"), key="record_values", height=260)


def answers(found: Predictions, row: int) -> None:
    """The most probable classes as bars, the label marked; a model of numbers says its number."""
    data = found.data
    if data.task == "regression":
        st.html(f"<p>Predicted <b>{found.said(row)}</b>, true {label_of(data, row)}.</p>")
        return
    shares = found.probabilities[row]
    order = np.argsort(-shares)[:MOST_ANSWERS].tolist()
    label = int(data.y[row])
    if label not in order:
        order[-1] = label
    bars = "".join(_bar(data.classes[c], float(shares[c]), c == label) for c in order)
    wrong = "" if found.right[row] else ' <span class="dg-wrong">wrong</span>'
    st.html(f'<div class="dg-answers"><small>The model says{wrong}</small>{bars}</div>')


def _bar(name: str, share: float, is_label: bool) -> str:
    mark = " (label)" if is_label else ""
    look = ' class="is-label"' if is_label else ""
    return (
        f"<div{look}><span>{html.escape(name)}{mark}</span><i><u style='width:{share:.1%}'></u></i>"
        f"<em>{share:.1%}</em></div>"
    )
