"""Saved forget sets: take one in hand, combine two, rename, export, delete."""

from __future__ import annotations

import html
from dataclasses import replace

import numpy as np
import streamlit as st

from disgorge_core import exports
from disgorge_core.data.forget_set import check
from disgorge_core.types import Dataset, ForgetSet
from pages.common import hand, messages, state, table_files
from pages.common.panels import PANELS, View
from pages.common.services import cases

WAYS = {
    "Either (union)": "or",
    "Both (intersection)": "and",
    "First without second (difference)": "but not",
}


@PANELS.register
class SavedSets:
    """The forget sets of this case."""

    name, page, tab, title, order = "explore_saved", "explore", "Saved sets", "", 60

    def needs(self, view: View) -> None:
        """Nothing."""

    def draw(self, view: View) -> None:
        """One row a set, then two to combine."""
        saved = cases().forget_sets(view.case.id)
        if not saved:
            st.html('<p class="dg-muted">None yet. Choose records above and save them.</p>')
            return
        for fid, forget, when in saved:
            _row(view, fid, forget, when)
        if len(saved) > 1:
            _combine(view, {fid: forget for fid, forget, _ in saved})


def _row(view: View, fid: str, forget: ForgetSet, when: str) -> None:
    with st.container(border=True, key=f"saved_{fid}"):
        name, actions = st.columns([5, 4], vertical_alignment="center")
        name.html(_described(view, fid, forget, when))
        with actions.container(horizontal=True, horizontal_alignment="right", gap="small"):
            if fid != view.forget and st.button("Take in hand", key=f"take_{fid}"):
                hand.take(view, fid)
                st.rerun()
            with st.popover(
                "", icon=":material/more_horiz:", key=f"more_{fid}", help="Export, rename, delete"
            ):
                _more(view, fid, forget)


def _described(view: View, fid: str, forget: ForgetSet, when: str) -> str:
    mask = forget.mask(view.data)
    train = int((mask & (view.data.split == 0)).sum())
    notes = [f"{len(forget):,} records, {train:,} in training", f"saved {when[:10]}"]
    notes += [f"by {forget.author}"] if forget.author else []
    notes += ["chosen by looking at the model"] if forget.by_looking else []
    held = ' <span class="dg-held">to be removed</span>' if fid == view.forget else ""
    reason = f"<br><i>{html.escape(forget.reason)}</i>" if forget.reason else ""
    return (
        f'<div class="dg-set"><b>{html.escape(forget.name)}</b>{held}{reason}'
        f"<small>{html.escape(' · '.join(notes))}</small></div>"
    )


def _more(view: View, fid: str, forget: ForgetSet) -> None:
    _files(view.data, fid, forget)
    name = st.text_input("Name", forget.name, key=f"name_{fid}", max_chars=80)
    if st.button("Rename", key=f"rename_{fid}", disabled=name.strip() in ("", forget.name)):
        _renamed(view, fid, replace(forget, name=name.strip()))
    if st.button("Delete", key=f"delete_{fid}", icon=":material/delete:"):
        _deleted(view, fid)


def _files(data: Dataset, fid: str, forget: ForgetSet) -> None:
    """The set and what is left without it, as files."""
    stem = table_files.stem_of(forget.name)
    st.caption("These records; JSON: ids, reason, how they were chosen")
    table_files.buttons(
        lambda path: exports.write_forget(data, forget, path), stem, f"set_{fid}",
        (*exports.SUFFIXES, ".json"),
    )  # fmt: skip
    st.caption("All other records: the retain set")
    kept = np.flatnonzero(~forget.mask(data))
    table_files.buttons(
        lambda path: exports.write_records(data, kept, path), f"retain-set-{stem}", f"kept_{fid}"
    )
    st.caption(exports.GUARD)


def _renamed(view: View, fid: str, forget: ForgetSet) -> None:
    """A name is part of a set's identity, so a run keeps the old one, which then stays as well."""
    with messages.problems_in_words():
        new = cases().save_forget(view.case.id, forget)
        if view.forget == fid:
            hand.take(view, new)
        if not _used(view, fid):
            cases().delete_forget(view.case.id, fid)
        st.rerun()


def _used(view: View, fid: str) -> bool:
    return any(run.request.get("forget") == fid for run in cases().runs(view.case.id))


def _deleted(view: View, fid: str) -> None:
    with messages.problems_in_words():
        cases().delete_forget(view.case.id, fid)
        if view.forget == fid:
            state.put(forget="")
        st.rerun()


def _combine(view: View, saved: dict[str, ForgetSet]) -> None:
    st.markdown("**Combine two sets**")
    names = {fid: f"{forget.name} ({len(forget):,})" for fid, forget in saved.items()}
    places = st.columns([3, 3, 3, 2], vertical_alignment="bottom")
    first = places[0].selectbox("First", list(saved), format_func=names.get, key="combine_first")
    way = places[1].selectbox("Records in", list(WAYS), key="combine_way")
    second = places[2].selectbox(
        "Second", list(saved), index=1, format_func=names.get, key="combine_second"
    )
    made = combined(saved[first], saved[second], way)
    if places[3].button(
        f"Save {len(made):,}", key="combine_yes", disabled=not len(made), width="stretch"
    ):
        with messages.problems_in_words():
            check(view.data, made)
            hand.take(view, cases().save_forget(view.case.id, made))
            st.rerun()


def combined(first: ForgetSet, second: ForgetSet, way: str) -> ForgetSet:
    """Union, intersection or difference of two sets."""
    word = WAYS[way]
    if word == "or":
        return first | second
    return first & second if word == "and" else first - second
