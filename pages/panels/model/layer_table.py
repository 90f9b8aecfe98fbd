"""The layers of a file that is brought: as it names them, or as proposed, with the open questions."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import streamlit as st

from disgorge_core.data.preprocessing import input_shape
from disgorge_core.models.blueprint import plain_layers
from disgorge_core.models.fit_check import outputs_of
from disgorge_core.models.layers import KINDS
from disgorge_core.models.loading import layers_from_json
from disgorge_core.models.proposal import LooksResidual, Proposal, propose
from disgorge_core.models.weights import Weights
from disgorge_core.types import Dataset, Layer, Preprocessing, digest_of
from pages.common.messages import as_written
from pages.panels.model import layers_json

SAMPLE = (
    "Below is what usual blocks of these names would be: correct strides, pooling and activations, then "
    "see whether it fits."
)


def layers(found: Weights, data: Dataset, prepared: Preprocessing, key: str) -> tuple[Layer, ...]:
    """The layers that the file names, else the proposed ones, as the user corrected them; BadModel."""
    st.markdown("**Layers**")
    if found.layers is not None and found.preprocessing is not None:
        return _fixed(found.layers, key)
    if found.layers is not None:
        st.caption("The layer list came with the file.")
        return _changed(found.layers, key)
    shapes = {name: tuple(value.shape) for name, value in found.state.items()}
    shape = input_shape(prepared, data.shape)
    try:
        proposal = propose(shapes, shape, outputs_of(data), ordered=found.ordered)
    except LooksResidual as doubt:
        st.warning(
            f"**{as_written(doubt.problem)}**  \n{as_written(doubt.remedy)} {SAMPLE}",
            icon=":material/account_tree:",
        )
        return layers_json.edited(layers_json.text(json.loads(doubt.sample)), key)
    proposal = _answered(proposal, key)
    for note in proposal.notes:
        st.caption(as_written(note))
    return _changed(proposal.layers, key)


def _fixed(own: tuple[Layer, ...], key: str) -> tuple[Layer, ...]:
    """Those of a file that answers everything itself."""
    kinds = " → ".join(layer.kind for layer in own[:12]) + (" ..." if len(own) > 12 else "")
    st.caption(f"The file says them all: {kinds}.")
    with st.expander("Each layer", key=f"{key}_fixed"):
        layers_json.table(plain_layers(own), f"{key}_fixed_table")
    return own


def _answered(proposal: Proposal, key: str) -> Proposal:
    """The proposal after the questions; an answer can bring up others."""
    if not proposal.unknowns:
        return proposal
    places = st.columns(min(3, len(proposal.unknowns)))
    answers: dict[str, Any] = {}
    for number, unknown in enumerate(proposal.unknowns):
        with places[number % len(places)]:
            answers[unknown.key] = st.selectbox(
                unknown.question, unknown.choices, index=unknown.choices.index(unknown.default),
                key=f"{key}_ask_{unknown.key}",
            )  # fmt: skip
    asked = {unknown.key: unknown.default for unknown in proposal.unknowns}
    changed = {name: value for name, value in answers.items() if value != asked[name]}
    return proposal.with_answers(changed) if changed else proposal


def _changed(proposed: tuple[Layer, ...], key: str) -> tuple[Layer, ...]:
    """The list as the user corrects it: plain lists in a table, lists with blocks as JSON."""
    plain = plain_layers(proposed)
    own = f"{key}_{digest_of(plain)[:8]}"
    if all(layer.kind != "residual" for layer in proposed):
        found = _table(plain, own)
        layers_json.copy(plain_layers(found), own)
        return found
    layers_json.table(plain, f"{own}_rows")
    with st.expander("Correct it as JSON", key=f"{own}_correct"):
        return layers_json.edited(layers_json.text(plain), own)


def _table(plain: list[dict[str, Any]], key: str) -> tuple[Layer, ...]:
    rows = [(x["kind"], x["name"], json.dumps(x["options"])) for x in plain]
    table = pd.DataFrame(rows, columns=["kind", "weights", "options"])
    kinds = [kind for kind in KINDS if kind != "residual"]
    edited = st.data_editor(
        table, key=f"{key}_layers", hide_index=True, num_rows="dynamic",
        column_config={
            "kind": st.column_config.SelectboxColumn("kind", options=kinds, required=True),
            "weights": st.column_config.TextColumn("weights", help="Name in the file"),
            "options": st.column_config.TextColumn("options", width="large", default="{}"),
        },
    )  # fmt: skip
    st.caption("From top to bottom. Correct what is wrong; rows can be added and deleted.")
    return layers_from_json(_as_json(edited))


def _as_json(table: pd.DataFrame) -> str:
    """The table as the JSON of a layer list; options that are no JSON are passed on to be refused."""
    parts = [
        f'{{"kind": {json.dumps(kind)}, "name": {json.dumps(name or "")}, "options": {options or "{}"}}}'
        for kind, name, options in table.fillna("").itertuples(index=False)
    ]
    return f"[{', '.join(parts)}]"
