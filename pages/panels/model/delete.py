"""Delete a model with every copy in this workspace: the plainest remedy, and what it leaves undone."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from disgorge_core.errors import StoreError
from disgorge_core.words import TIERS
from pages.common import messages, state
from pages.common.messages import as_written
from pages.common.panels import PANELS, Need, View
from pages.common.services import cases
from pages.panels.model.cards import card

GONE, REFUSED = "model_gone", "model_refused"  # drafts: what was deleted, why it was not


@PANELS.register
class Delete:
    """The button, what went, and the log of what was deleted before."""

    name, page, tab, title, order = "model_delete", "model", "Overview", "Delete", 90

    def needs(self, view: View) -> Need | None:
        """Nothing."""

    def draw(self, view: View) -> None:
        """Button and log."""
        if view.model:
            st.caption(
                TIERS["deleted"].badge + " Needs no recipe and no training, and leaves no model."
            )
            if st.button("Delete this model", key="model_delete", icon=":material/delete:"):
                _ask(view.model)
        _said()
        _log(view.case.id)


@st.dialog("Delete this model?")
def _ask(digest: str) -> None:
    st.markdown(
        f"**{as_written(card(digest)['name'])}** goes from all cases of this workspace, with every run that "
        "used or made it, and all cached answers, gradients and maps. This cannot be undone."
    )
    st.text_area(
        "Copies elsewhere that you know of", key="model_copies",
        help="Exports, backups, deployments: they stay, and are named in the log.",
    )  # fmt: skip
    st.button(
        "Delete for good", key="model_delete_yes", type="primary", icon=":material/delete:",
        on_click=_purge, args=(digest,),
    )  # fmt: skip
    if st.session_state.get("model_delete_yes"):
        st.rerun()


def _purge(digest: str) -> None:
    name, copies = card(digest)["name"], st.session_state["model_copies"].strip()
    try:
        files = cases().purge_model(digest, copies)
    except StoreError as error:
        state.ui().draft[REFUSED] = error
        return
    state.put(model="", run="")
    state.ui().draft[GONE] = (name, files)


def _said() -> None:
    if refused := state.ui().draft.pop(REFUSED, None):
        messages.problem(refused)
    if gone := state.ui().draft.get(GONE):
        name, files = gone
        with st.expander(
            f"{as_written(name)} is gone: {len(files):,} files deleted", key="model_gone"
        ):
            st.code("\n".join(files), language=None)
            st.caption(
                "The files are unlinked; the disk itself was not overwritten. Copies elsewhere are not on "
                "this list."
            )


def _log(case_id: str) -> None:
    for entry in cases().deletions(case_id):
        when = datetime.fromtimestamp(entry["t"])
        copies = entry["copies"] or "none declared"
        st.caption(
            f"{when:%d %b %Y, %H:%M}: {as_written(entry['name'])} (`{entry['digest'][:12]}`) deleted, "
            f"{entry['files']:,} files. Copies elsewhere: {as_written(copies)}."
        )
