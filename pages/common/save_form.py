"""Saving the selection in hand as a forget set: name, reason, who."""

from __future__ import annotations

import streamlit as st

from disgorge_core.errors import DisgorgeError
from pages.common import hand, messages
from pages.common.panels import View
from pages.common.services import cases


def button(view: View) -> None:
    """A button that opens the form."""
    with st.popover(
        "Save as a forget set", type="primary", icon=":material/bookmark_add:", width="stretch",
        key="hand_save",
    ):  # fmt: skip
        _form(view)


def _form(view: View) -> None:
    with st.form("save_forget", border=False):
        name = st.text_input("Name", key="save_name", value=_proposed(view), max_chars=80)
        reason = st.text_input(
            "Reason", key="save_reason", placeholder="Who asks, and on what ground", max_chars=400
        )
        author = st.text_input("Your name", key="save_author", max_chars=80)
        if st.form_submit_button("Save", type="primary", key="save_yes"):
            _save(view, name.strip(), author.strip(), reason.strip())


def _proposed(view: View) -> str:
    """The name of the set that was changed, as a further version; else a number."""
    if view.forget:
        return f"{cases().forget(view.case.id, view.forget).name}, changed"
    return f"Forget set {len(cases().forget_sets(view.case.id)) + 1}"


def _save(view: View, name: str, author: str, reason: str) -> None:
    try:
        hand.save(view, name or _proposed(view), author, reason)
    except DisgorgeError as error:
        messages.problem(error)
        return
    st.toast("Saved. It is now the set to remove.", icon=":material/check:")
    st.rerun()
