"""Take a model out: its weights as one file, or everything as a folder."""

from __future__ import annotations

import streamlit as st

from disgorge_core.models.bundle import folder_bytes, weight_bytes
from disgorge_core.models.saved import why_no_export
from pages.common.panels import PANELS, Need, View
from pages.common.services import cases
from pages.panels.model.cards import names
from pages.panels.model.overview import need_model

FORMATS = {
    ".safetensors": "Weights and layer list; opens here again without questions.",
    ".pt": "A PyTorch state dict, under the key names that the model came with.",
}


@PANELS.register
class Download:
    """Files of the chosen model."""

    name, page, tab, title, order = "model_download", "model", "Download", "", 100

    def needs(self, view: View) -> Need | None:
        """A model."""
        return need_model(view)

    def draw(self, view: View) -> None:
        """One line for each kind of file."""
        reason = _why_not(view.model)
        for suffix, note in FORMATS.items():
            if reason is None:
                _line(view, suffix, f"**{suffix}** {note}")
        if reason:
            st.markdown(f"One file of weights cannot hold it: {reason}")
        _line(
            view, ".zip", "**.zip** Everything: weights, preprocessing, recipe, lineage, kept sums."
        )
        st.caption(
            "The new model is a file like any other: whoever has a copy of the old one still has it."
        )


def _why_not(digest: str) -> str | None:
    return why_no_export(cases().model(digest))


def _line(view: View, suffix: str, note: str) -> None:
    text, button = st.columns([4, 1], vertical_alignment="center")
    text.markdown(note)
    name = names(view.case)[view.model].replace("/", "-")
    button.download_button(
        "Download", data=lambda: _bytes(view.model, suffix), file_name=f"{name}{suffix}",
        key=f"download_{suffix}", icon=":material/download:", on_click="ignore", width="stretch",
    )  # fmt: skip


def _bytes(digest: str, suffix: str) -> bytes:
    model = cases().model(digest)
    return folder_bytes(model) if suffix == ".zip" else weight_bytes(model, suffix)
