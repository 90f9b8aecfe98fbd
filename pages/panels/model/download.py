"""Take a model out: its weights as one file, or everything as a folder."""

from __future__ import annotations

import streamlit as st

from disgorge_core.cases import Case
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
        offer(view.case, view.model, "model")


def offer(case: Case, digest: str, key: str) -> None:
    """One line for each kind of file of a model."""
    reason = _why_not(digest)
    for suffix, note in FORMATS.items():
        if reason is None:
            _line(case, digest, suffix, f"**{suffix}** {note}", key)
    if reason:
        st.markdown(f"One file of weights cannot hold it: {reason}")
    note = "**.zip** Everything: weights, preprocessing, recipe, lineage, kept sums."
    _line(case, digest, ".zip", note, key)
    st.caption("Whoever has a copy of the old model still has it.")


def _why_not(digest: str) -> str | None:
    return why_no_export(cases().model(digest))


def _line(case: Case, digest: str, suffix: str, note: str, key: str) -> None:
    text, button = st.columns([3, 1], vertical_alignment="center")
    text.markdown(note)
    name = names(case)[digest].replace("/", "-")
    button.download_button(
        "Download", data=lambda: _bytes(digest, suffix), file_name=f"{name}{suffix}",
        key=f"{key}_download_{suffix}", icon=":material/download:", on_click="ignore",
        width="stretch",
    )  # fmt: skip


def _bytes(digest: str, suffix: str) -> bytes:
    model = cases().model(digest)
    return folder_bytes(model) if suffix == ".zip" else weight_bytes(model, suffix)
