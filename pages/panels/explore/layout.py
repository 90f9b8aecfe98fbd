"""Positions of the records: PCA at once, UMAP from a run that is made once."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from disgorge_core.models.blueprint import layers_from_plain
from disgorge_core.models.layers import module_names
from disgorge_core.runs import Run, TaskResult
from disgorge_core.types import Array
from pages.common import progress
from pages.common.panels import View
from pages.common.questions import ask_soon
from pages.common.services import cases, lanes

LAYOUTS = {"pca": "Spread", "umap": "Neighbours"}
LAST = ""  # the input of the last layer
TITLES = {"pca": "PCA", "umap": "UMAP"}


@dataclass(frozen=True, eq=False)
class Places:
    """Positions (m, 2) of the dataset's `rows` (m,), with what names them."""

    positions: Array
    rows: Array
    title: str
    digest: str


def layers_of(view: View) -> dict[str, str]:
    """Layers whose output a map can show, in words: flat ones, as a picture's layers are too wide."""
    found = {LAST: "before the last layer"}
    plain = cases().model_card(view.model).get("layers")
    if not plain:
        return found
    layers = layers_from_plain(plain)
    wide = {
        name: f"{layer.name or name} ({layer.options['outputs']})"
        for name, layer in zip(module_names(layers), layers, strict=True)
        if layer.kind == "linear"
    }
    return {**found, **wide}


def layout_of(view: View, projection: str, layer: str | None = None) -> Places:
    """The positions asked for; while UMAP is being made, its progress and the PCA positions."""
    if projection == "umap":
        run = _umap_run(view, layer)
        if run.state == "done":
            return _places(view, run.result(), "umap", layer)
        with st.container(key="umap_progress"):
            progress.watch(view.case.id, run.id, key="umap", curve=False)
    found = ask_soon(view.case, "embed", models=[view.model], projection="pca", layer=layer)
    return _places(view, found, "pca", layer)


def _umap_run(view: View, layer: str | None) -> Run:
    """The newest UMAP run of this model and layer, started if there is none."""
    request = {"task": "embed", "models": [view.model], "projection": "umap", "layer": layer}
    found = [run for run in cases().runs(view.case.id) if request.items() <= run.request.items()]
    if found:
        return next((run for run in found if run.state == "done"), found[0])
    return cases().run(view.case.id, lanes().submit(view.case.id, request))


def _places(view: View, found: TaskResult, projection: str, layer: str | None) -> Places:
    digest = f"{view.data.digest[:16]}-{view.model[:16]}-{projection}-{layer}"
    return Places(
        found.arrays["positions_0"].astype(float), found.arrays["rows"], TITLES[projection], digest
    )
