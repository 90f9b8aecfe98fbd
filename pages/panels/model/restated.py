"""State the recipe or the training records of an upload anew: another model with the same weights."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from disgorge_core.models.loading import seen_ids, stated_lineage
from disgorge_core.models.statement import as_stated
from pages.common import state
from pages.common.panels import View
from pages.common.services import cases
from pages.panels.model import stated

KEEPS = (
    "The model that is there stays as it is, with what was run on it; the new statement is kept as another "
    "model of the case."
)


def offer(view: View) -> None:
    """The forms and the button, folded away."""
    with st.expander("State it differently", key="restate"):
        model, key = cases().model(view.model), f"restate_{view.model[:8]}"
        seen = stated.trained_on(view.data, key)
        solved = model.regime == "closed form"
        recipe = stated.recipe(view.data, key, model.recipe, solved)
        st.caption(KEEPS)
        if st.button("Keep this statement", key=f"{key}_keep", disabled=seen is None):
            lineage = replace(
                model.lineage, trained_on=stated_lineage("uploaded", seen or "unknown").trained_on
            )
            anew = replace(
                model, recipe=recipe, seen=seen_ids(view.data, seen or "unknown"), lineage=lineage
            )
            digest = cases().add_model(view.case.id, as_stated(anew, cases().workspace))
            state.put(model=digest, tab="Overview")
            st.rerun()
