"""Positions of the records: PCA at once, UMAP from a run that is made once."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from disgorge_core.runs import Run, TaskResult
from disgorge_core.types import Array
from pages.common import progress
from pages.common.panels import View
from pages.common.questions import ask_soon
from pages.common.services import cases, lanes

LAYOUTS = {"pca": "Spread", "umap": "Neighbours"}
TITLES = {"pca": "PCA", "umap": "UMAP"}


@dataclass(frozen=True, eq=False)
class Places:
    """Positions (m, 2) of the dataset's `rows` (m,), with what names them."""

    positions: Array
    rows: Array
    title: str
    digest: str


def layout_of(view: View, projection: str) -> Places:
    """The positions asked for; while UMAP is being made, its progress and the PCA positions."""
    if projection == "umap":
        run = _umap_run(view)
        if run.state == "done":
            return _places(view, run.result(), "umap")
        with st.container(key="umap_progress"):
            progress.watch(view.case.id, run.id, key="umap", curve=False)
    return _places(view, ask_soon(view.case, "embed", models=[view.model], projection="pca"), "pca")


def _umap_run(view: View) -> Run:
    """The newest UMAP run of this model, started if there is none."""
    found = [run for run in cases().runs(view.case.id) if _is_umap(run, view.model)]
    if found:
        return next((run for run in found if run.state == "done"), found[0])
    request = {"task": "embed", "models": [view.model], "projection": "umap"}
    return cases().run(view.case.id, lanes().submit(view.case.id, request))


def _is_umap(run: Run, model: str) -> bool:
    asked = run.request
    wanted = ("embed", [model], "umap")
    return (asked.get("task"), asked.get("models"), asked.get("projection")) == wanted


def _places(view: View, found: TaskResult, projection: str) -> Places:
    digest = f"{view.data.digest[:16]}-{view.model[:16]}-{projection}"
    return Places(
        found.arrays["positions_0"].astype(float), found.arrays["rows"], TITLES[projection], digest
    )
