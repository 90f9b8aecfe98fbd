"""The selection in hand on screen: kept in the session's draft, changed by callbacks."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from disgorge_core.cases import Case
from disgorge_core.types import Array
from pages.common import state
from pages.common.panels import View
from pages.common.selection import (
    OPS,
    History,
    Op,
    Selection,
    forget_of,
    mask_of,
    nothing,
    selection_of,
)
from pages.common.services import cases

HAND, FOLLOWED = "hand", "hand_follows"


def suggest(case: Case) -> None:
    """A worked example begins with its suggested forget set where the link names none."""
    draft = state.ui().draft
    if not case.example or state.ui().forget or FOLLOWED in draft:
        return
    saved = cases().forget_sets(case.id)
    if saved:
        state.put(forget=saved[-1][0])
        st.rerun()  # the sidebar was drawn before


def follow(view: View) -> None:
    """Take up the saved set that the URL names, once; later changes of the hand are the user's."""
    draft = state.ui().draft
    if draft.get(FOLLOWED, "") == view.forget:
        return
    draft[FOLLOWED] = view.forget
    if view.forget:
        saved = cases().forget(view.case.id, view.forget)
        taken = selection_of(view.data, saved)
        draft[HAND] = history(view).then(taken) if HAND in draft else History(taken)


def history(view: View) -> History:
    """The selection in hand and its undo stack."""
    return state.ui().draft.get(HAND) or History(nothing(len(view.data)))


def now(view: View) -> Selection:
    """The selection in hand."""
    return history(view).now


def unsaved(view: View) -> bool:
    """Whether the hand holds other records than the saved set that the URL names."""
    chosen = now(view)
    if not view.forget:
        return len(chosen) > 0
    saved = selection_of(view.data, cases().forget(view.case.id, view.forget))
    return saved.bits != chosen.bits


def change(view: View, mask: Array, op: Op, how: str, looking: bool = False) -> None:
    """Choose, add, take out or keep records, as one step that can be undone."""
    past = history(view)
    state.ui().draft[HAND] = past.then(past.now.changed(mask, op, how, looking))


def change_rows(view: View, rows: Iterable[int], op: Op, how: str, looking: bool = False) -> None:
    """The same for row numbers."""
    change(view, mask_of(len(view.data), rows), op, how, looking)


def undo(view: View) -> None:
    """One step back."""
    state.ui().draft[HAND] = history(view).undone()


def redo(view: View) -> None:
    """One step forward again."""
    state.ui().draft[HAND] = history(view).redone()


def save(view: View, name: str, author: str, reason: str) -> str:
    """Save the hand as a forget set and make it the one to work with; raises BadForgetSet."""
    forget = forget_of(view.data, now(view), name=name, author=author, reason=reason)
    fid = cases().save_forget(view.case.id, forget)
    state.ui().draft[FOLLOWED] = fid
    state.put(forget=fid)
    return fid


def take(view: View, fid: str) -> None:
    """Work with a saved set."""
    state.put(forget=fid)


def buttons(
    view: View, key: str, mask: Array, how: str, *, looking: bool = False,
    ops: tuple[Op, ...] = ("replace", "add", "remove", "keep"),
) -> None:  # fmt: skip
    """A row of buttons that do something with the records of `mask` (n,)."""
    count = int(mask.sum())
    with st.container(horizontal=True, gap="small", key=f"{key}_ops"):
        for op in ops:
            st.button(
                f"{OPS[op]} {count:,}", key=f"{key}_{op}", disabled=count == 0, on_click=change,
                args=(view, mask, op, how, looking), icon=ICONS[op],
            )  # fmt: skip


ICONS: dict[str, str] = {
    "replace": ":material/check:",
    "add": ":material/add:",
    "remove": ":material/remove:",
    "keep": ":material/join_inner:",
}
