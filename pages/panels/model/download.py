"""Take a model out: as one file in a format that models come in, or everything as a folder; with its card."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from disgorge_core.cases import Case
from disgorge_core.jobs.cards import model_card
from disgorge_core.models.backbones.leaving import pretrained_bytes, why_no_pretrained
from disgorge_core.models.bundle import CARD, folder_bytes, weight_bytes
from disgorge_core.models.saved import why_no_export
from disgorge_core.models.scikit.leaving import has_gaps, pipeline_bytes, why_no_pipeline
from pages.common.panels import PANELS, Need, View
from pages.common.services import cases
from pages.panels.model.cards import names
from pages.panels.model.overview import need_model

SKOPS, FOLDER = ".skops", ".hf.zip"
FORMATS = {
    ".safetensors": "Weights and layer list; opens here again without questions.",
    ".pt": "A PyTorch state dict, under the key names that the model came with.",
    SKOPS: "A scikit-learn pipeline with equal answers, preprocessing included.",
    FOLDER: "A Hugging Face folder, the head in place: `from_pretrained` opens it when it is unpacked.",
}
WHY_NOT = {SKOPS: why_no_pipeline, FOLDER: why_no_pretrained}
GAPS = (
    'Columns here have gaps, so load it with `skops.io.load(file, trusted=["numpy.dtype"])`: scikit-learn\'s '
    "SimpleImputer remembers a number format."
)


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
    """One line for each kind of file of a model; why not, where one cannot be it."""
    model = cases().model(digest)
    for suffix, note in FORMATS.items():
        reason = WHY_NOT.get(suffix, why_no_export)(model)
        if reason is None:
            _line(case, digest, suffix, f"**{suffix}** {note}", key, _bytes(case, digest, suffix))
        else:
            st.markdown(f":gray[**{suffix}** Not this model: {reason}]")
    if why_no_pipeline(model) is None and has_gaps(model, cases().dataset(case.dataset)):
        st.caption(GAPS)
    note = "**.zip** Everything: weights, preprocessing, recipe, lineage, kept sums, and the card."
    _line(case, digest, ".zip", note, key, _bytes(case, digest, ".zip"))
    note = "**Model card** What it is, its data and recipe, what was removed, what is not known (Markdown)."
    _line(
        case, digest, f"-{CARD}", note, key, lambda: model_card(cases(), case.id, digest).encode()
    )
    st.caption("Whoever has a copy of the old model still has it.")


def _line(
    case: Case, digest: str, ending: str, note: str, key: str, content: Callable[[], bytes]
) -> None:
    text, button = st.columns([3, 1], vertical_alignment="center")
    text.markdown(note)
    name = names(case)[digest].replace("/", "-")
    button.download_button(
        "Download", data=content, file_name=f"{name}{ending}", key=f"{key}_download_{ending}",
        icon=":material/download:", on_click="ignore", width="stretch",
    )  # fmt: skip


def _bytes(case: Case, digest: str, suffix: str) -> Callable[[], bytes]:
    """What makes the file when it is asked for."""

    def made() -> bytes:
        model = cases().model(digest)
        if suffix == SKOPS:
            return pipeline_bytes(model, cases().dataset(case.dataset))
        if suffix == FOLDER:
            return pretrained_bytes(model, model_card(cases(), case.id, digest))
        if suffix == ".zip":
            return folder_bytes(model, model_card(cases(), case.id, digest))
        return weight_bytes(model, suffix)

    return made
