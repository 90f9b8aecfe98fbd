"""References that the user brought: which there are for each forget set, and how to let one go."""

from __future__ import annotations

import streamlit as st

from disgorge_core.jobs.uploaded import drop_reference, uploaded_references
from pages.common import state
from pages.common.messages import as_written
from pages.common.panels import View
from pages.common.services import cases

ADDED = "reference_added"  # draft: the name of the forget set that one was just kept for
USED = (
    "Runs that remove these records are compared with them, beside or instead of references that are "
    "trained here. That they never saw the records is your word, and is said with the result."
)


def said_as_kept() -> None:
    """The sentence after one was kept, once."""
    added = state.ui().draft.pop(ADDED, "")
    if added:
        st.success(f"The reference for {as_written(added)} is kept.", icon=":material/check:")


def shown(view: View) -> None:
    """A list for each forget set that has any."""
    sets = {fid: forget for fid, forget, _ in cases().forget_sets(view.case.id)}
    found = {fid: uploaded_references(cases(), view.case.id, fid) for fid in sets}
    if not any(found.values()):
        return
    st.subheader("References of your own", anchor=False)
    for fid, models in found.items():
        for model in models:
            left, right = st.columns([6, 1], vertical_alignment="center")
            seen = "unknown records" if model.seen is None else f"{len(model.seen):,} records"
            left.markdown(
                f"**{as_written(model.name)}** :gray[never saw] {as_written(sets[fid].name)}"
                f" :gray[· trained on {seen} · {model.digest[:12]}]"
            )
            if right.button("Delete", key=f"drop_{fid}_{model.digest[:12]}", width="stretch"):
                drop_reference(cases(), view.case.id, fid, model.digest)
                st.rerun()
    st.caption(USED)
