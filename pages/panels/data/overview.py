"""What the dataset is: size, splits, licence, roles, notes."""

from __future__ import annotations

import html

import numpy as np
import streamlit as st

from disgorge_core.types import SPLITS, Dataset
from pages.common import near, tables
from pages.common.messages import as_written
from pages.common.panels import PANELS, View

ROLES = {
    "label": "what a model predicts",
    "id": "names a record for good",
    "owner": "whose record it is",
    "source": "where it came from",
    "near": "groups of near-duplicates",
}


@PANELS.register
class Overview:
    """The dataset's card and the roles of its columns."""

    name, page, tab, title, order = "data_overview", "data", "Overview", "", 10

    def needs(self, view: View) -> None:
        """Nothing."""

    def draw(self, view: View) -> None:
        """Card left, roles right, notes below."""
        data = view.data
        left, right = st.columns(2, gap="medium")
        with left, st.container(border=True, height="stretch", key="data_card"):
            st.subheader(data.name, anchor=False)
            tables.facts(_card(data), "dataset")
        with right, st.container(border=True, height="stretch", key="data_roles"):
            st.subheader("Roles", anchor=False)
            tables.facts(_roles(data), "roles")
        _notes(data)


def _card(data: Dataset) -> dict[str, str]:
    splits = ", ".join(f"{len(data.rows(split)):,} {split}" for split in SPLITS)
    cluster = near.equal(data)
    same = int((np.bincount(cluster)[cluster] > 1).sum())
    return {
        "Records": f"{len(data):,} ({splits})",
        "Kind": _kind(data),
        "Task": f"{data.task}, {len(data.classes)} classes" if data.classes else data.task,
        "Exact copies": f"{same:,} records have a twin with the same content" if same else "none",
        "Licence": html.escape(data.licence or "not stated"),
        "Digest": f"<code>{data.digest[:12]}</code>",
    }


def _kind(data: Dataset) -> str:
    if data.kind == "image":
        height, width, channels = data.shape
        return f"pictures, {width} x {height}, {'grey' if channels == 1 else 'colour'}"
    if data.kind == "text":
        return "texts; the other columns are not read"
    return f"table, {data.shape[0]} columns"


def _roles(data: Dataset) -> dict[str, str]:
    meanings = {**({"text": "what a model reads"} if data.kind == "text" else {}), **ROLES}
    found = {name: html.escape(getattr(data.roles, name)) for name in meanings}
    found["id"] = found["id"] or f"<i>none</i>, {html.escape(str(data.ids[0]))} ..."
    return {
        name.capitalize(): f'{found[name] or "<i>none</i>"} <span class="dg-muted">{meaning}</span>'
        for name, meaning in meanings.items()
    }


def _notes(data: Dataset) -> None:
    if data.notes:
        with st.container(border=True, key="data_notes"):
            st.markdown("**Notes**\n" + "\n".join(f"- {as_written(note)}" for note in data.notes))
