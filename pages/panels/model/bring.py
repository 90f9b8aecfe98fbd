"""Bring a trained model: read its file, answer what the weights do not say, check it, add it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from disgorge_core import metrics
from disgorge_core.models.fit_check import ClassOrder, apply_class_order, class_order_check
from disgorge_core.models.loading import fitted_to, matched, read_model
from disgorge_core.models.prediction import logits
from disgorge_core.models.weights import Unmatched, Weights
from disgorge_core.types import Dataset, Model
from pages.common import messages, state
from pages.common.panels import PANELS, Need, View
from pages.common.services import cases
from pages.panels.model import layer_table, stated

SUFFIXES = [".safetensors", ".pt", ".pth", ".zip"]
REFUSED = (
    "Weights only: `torch.save(model.state_dict(), 'model.pt')` or safetensors, or a .zip that was "
    "downloaded here. Whole pickled modules are refused, because opening them can run anything."
)


@PANELS.register
class Bring:
    """A model from elsewhere becomes one of the case's models."""

    name, page, tab, title, order = "model_bring", "model", "Bring one", "", 90

    def needs(self, view: View) -> Need | None:
        """Nothing."""

    def draw(self, view: View) -> None:
        """The file, then what is to be stated, then the check."""
        left, right = st.columns(2, gap="medium")
        file = left.file_uploader("Weights", type=SUFFIXES, key="bring_file", help=REFUSED)
        beside = right.file_uploader(
            "Layer list (if you have one)", type=[".json"], key="bring_layers",
            help="JSON: [{\"kind\": \"linear\", \"name\": \"fc\", \"options\": {\"inputs\": 4, "
            "\"outputs\": 2}}, ...]",
        )  # fmt: skip
        if file is None:
            messages.reading(REFUSED)
            return
        read = _read(file.file_id, beside.file_id if beside else "", file, beside)
        _opened(view, matched(read.found, view.data), Path(file.name).stem, file.file_id)


def _opened(view: View, found: Weights | Model, name: str, key: str) -> None:
    if isinstance(found, Model):
        _offer(view, fitted_to(found, view.data).model, (), key)
        return
    label = st.text_input("Name", value=name, key=f"bring_name_{key}", width=360)
    st.subheader("What the file does not say", anchor=False)
    prepared = stated.preprocessing(view.data, f"bring_{key}")
    layers = layer_table.layers(found, view.data, prepared, f"bring_{key}")
    trained_on = stated.trained_on(view.data, f"bring_{key}")
    recipe = stated.recipe(view.data, f"bring_{key}")
    loaded = fitted_to(
        found, view.data, architecture=layers, preprocessing=prepared, recipe=recipe,
        trained_on="unknown" if trained_on is None else trained_on, name=label,
    )  # fmt: skip
    _offer(view, loaded.model, loaded.notes, key, ready=trained_on is not None)


@dataclass(frozen=True, eq=False)
class _Read:
    """What a file holds, and the folder where it lies as long as this is kept."""

    found: Weights | Model | Unmatched
    folder: TemporaryDirectory[str]


@st.cache_resource(
    show_spinner="Reading the file", max_entries=2, scope="session",
    on_release=lambda read: read.folder.cleanup(),
)  # fmt: skip
def _read(file_id: str, beside_id: str, _file: UploadedFile, _beside: UploadedFile | None) -> _Read:
    folder = TemporaryDirectory()
    path = Path(folder.name) / f"model{Path(_file.name).suffix.lower()}"
    path.write_bytes(_file.getbuffer())
    if _beside is not None:
        (Path(folder.name) / "model.layers.json").write_bytes(_beside.getbuffer())
    try:
        return _Read(read_model(path), folder)
    except BaseException:
        folder.cleanup()
        raise


def _offer(view: View, model: Model, notes: tuple[str, ...], key: str, ready: bool = True) -> None:
    """How the model does on this dataset, and the button that adds it."""
    with st.container(border=True, key="bring_check"):
        st.subheader("Does it fit?", anchor=False)
        for note in notes:
            st.caption(messages.as_written(note))
        if view.data.task == "classification":
            model = _in_order(model, view.data, key)
        _quality(model, view.data)
        if not ready:
            st.caption("Say above what it was trained on, then it can be added.")
        if st.button(
            "Add to the case", key="bring_add", type="primary", icon=":material/add:",
            disabled=not ready,
        ):  # fmt: skip
            digest = cases().add_model(view.case.id, model)
            state.put(model=digest, tab="Quality")
            st.rerun()


def _in_order(model: Model, data: Dataset, key: str) -> Model:
    order: ClassOrder = class_order_check(model, data)
    if not order.suggested:
        return model
    st.warning(
        f"As it is, {order.accuracy:.0%} of the answers are right; with its outputs in another order, "
        f"{order.best:.0%}. The model was probably trained with another list of classes.",
        icon=":material/swap_vert:",
    )
    wanted = st.toggle("Use the better order of classes", value=True, key=f"bring_order_{key}")
    return apply_class_order(model, order.order) if wanted else model


def _quality(model: Model, data: Dataset) -> None:
    places: list[Any] = list(st.columns(3))
    for place, split in zip(places, ("train", "validation", "test"), strict=True):
        x, y = data.arrays(split)
        if len(y):
            value = metrics.quality(logits(model, x), y, data.task)
            right = data.task == "classification"
            shown = f"{100 * value.value:.1f} %" if right else f"{value.value:.4g}"
            place.metric(f"{'Accuracy' if right else 'Error'} on {split}", shown, border=True)
    messages.reading(
        "Much lower than you know it to be? Then the preprocessing or the layers are wrong."
    )
