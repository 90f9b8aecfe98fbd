"""Where the user is: one `UiState` for each session, mirrored in the URL so that links can be mailed.

The URL wins over the session, so that back, forward and mailed links do what they say. Ids that go
with the user from page to page are `CARRIED`; `record` and `tab` belong to one page and stay in the
URL only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NoReturn

import streamlit as st

from disgorge_core.cases import Case
from disgorge_core.errors import StoreError
from disgorge_core.types import ForgetSet
from pages.common.services import cases

CARRIED = ("case", "model", "forget", "run")


@dataclass
class UiState:
    """Ids of what is open, and unsaved choices by name (`draft`); nothing heavy lives here."""

    case: str = ""
    model: str = ""
    forget: str = ""
    run: str = ""
    draft: dict[str, Any] = field(default_factory=dict)


def ui() -> UiState:
    """The one state object of this session."""
    return st.session_state.setdefault("ui", UiState())


def sync() -> None:
    """Read the ids from the URL, or write them there where it names none; once for each run."""
    if asked("case"):
        open_case(asked("case"))
    state = ui()
    for name in CARRIED:
        if name in st.query_params:
            setattr(state, name, st.query_params[name])
        elif getattr(state, name):
            st.query_params[name] = getattr(state, name)


def open_case(case_id: str) -> None:
    """Make this case the open one; what belonged to another case is let go."""
    state = ui()
    if case_id == state.case:
        return
    st.session_state["ui"] = UiState(case=case_id)


def put(**ids: str) -> None:
    """Set ids in the session and in the URL, without leaving the page; an empty id clears it."""
    for name, value in ids.items():
        if name in CARRIED:
            setattr(ui(), name, value)
        if value:
            st.query_params[name] = value
        elif name in st.query_params:
            del st.query_params[name]


def address(**ids: str) -> dict[str, str]:
    """Query parameters of a link that keeps the open case and adds these ids."""
    if ids.get("case", ui().case) != ui().case:
        return {name: value for name, value in ids.items() if value}
    kept = {name: getattr(ui(), name) for name in CARRIED}
    return {name: value for name, value in {**kept, **ids}.items() if value}


def go(page: str, **ids: str) -> NoReturn:
    """Leave for a page ("select/explore") with these ids in its URL."""
    target = address(**ids)
    open_case(target.get("case", ui().case))
    st.switch_page(f"pages/{page}.py", query_params=target)


def asked(name: str) -> str:
    """An id that belongs to this page only: "record" or "tab"; empty if the URL has none."""
    return st.query_params.get(name, "")


def current_case() -> Case | None:
    """The open case; None if none is open or it is no longer in the workspace."""
    if not ui().case:
        return None
    try:
        return cases().get(ui().case)
    except StoreError:
        return None


def current_model(case: Case) -> str:
    """Digest of the chosen model of the case, else of its first; empty if it has none."""
    if ui().model in case.models:
        return ui().model
    return case.models[0] if case.models else ""


def current_forget(case: Case) -> tuple[str, ForgetSet] | None:
    """Id and forget set in hand; None if none is chosen or it was deleted."""
    if not ui().forget:
        return None
    try:
        return ui().forget, cases().forget(case.id, ui().forget)
    except StoreError:
        return None
