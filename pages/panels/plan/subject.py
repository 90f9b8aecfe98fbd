"""What is to be removed, and from which model."""

from __future__ import annotations

import html

import numpy as np
import streamlit as st

from disgorge_core.data.forget_set import check
from disgorge_core.types import Array, ForgetSet
from disgorge_core.words import RESERVATIONS
from pages.common import hand, state, tables
from pages.common.messages import as_written
from pages.common.near import copies_are, near_copies
from pages.common.panels import PANELS, Need, View
from pages.common.services import cases
from pages.panels.model.cards import names
from pages.panels.model.chooser import badges
from pages.panels.plan import effect
from pages.panels.plan.forecast import Forecast, forecast, time_in_words

FORGET, MODEL = "plan_forget", "plan_model"
NOT_LOOKED = "The records were chosen without looking at the model."


@PANELS.register
class Subject:
    """Two cards: the records and the model."""

    name, page, tab, title, order = "plan_subject", "plan", "Plan", "", 10

    def needs(self, view: View) -> Need | None:
        """A model and a forget set."""
        if not view.model:
            sentence = "This case has no model yet. Train one on its records, or bring your own."
            return Need(sentence, "case/model", "Get a model", {"tab": "Train"})
        if not view.forget:
            sentence = (
                "No records are chosen yet: choose those that must go and save them as a set."
            )
            return Need(sentence, "select/explore", "Choose records")
        return None

    def draw(self, view: View) -> None:
        """Both choices, and what is known of them."""
        places = st.columns(2, gap="medium")
        left = places[0].container(border=True, height="stretch", gap="xsmall", key="plan_records")
        right = places[1].container(border=True, height="stretch", gap="xsmall", key="plan_from")
        with left:
            _choose_forget(view)
        with right:
            _choose_model(view)
        found = forecast(
            view
        )  # may say that this removal makes no sense: the choices stand by then
        with left:
            _records(view, found)
        with right:
            _model(view, found)


def _choose_forget(view: View) -> None:
    saved = {fid: forget for fid, forget, _ in cases().forget_sets(view.case.id)}
    st.session_state[FORGET] = view.forget
    st.selectbox(
        "Records to remove", list(saved), key=FORGET, on_change=_take, args=("forget", FORGET),
        format_func=lambda fid: f"{saved[fid].name} ({len(saved[fid]):,})",
        help="Forget sets that were saved on the Explore page.",
    )  # fmt: skip


def _choose_model(view: View) -> None:
    labels = names(view.case)
    st.session_state[MODEL] = view.model
    st.selectbox(
        "From the model", list(labels), format_func=labels.__getitem__, key=MODEL,
        on_change=_take, args=("model", MODEL), help="It stays as it is; a run makes a new one.",
    )  # fmt: skip


def _take(name: str, key: str) -> None:
    state.put(**{name: st.session_state[key]})


def _records(view: View, found: Forecast) -> None:
    forget = cases().forget(view.case.id, view.forget)
    facts = {
        "In training": f"<b>{found.facts.n_forget:,}</b> of {found.facts.n_train:,} records",
        "Chosen by": html.escape("; ".join(forget.made)) or "unknown",
    }
    if forget.reason:
        facts["Reason"] = html.escape(forget.reason)
    tables.facts(facts, "plan_records")
    st.caption(
        "  \n".join(_notes(view, forget, found)),
        help=f"Near-copies go by {as_written(copies_are(view.data))}.",
    )


def _notes(view: View, forget: ForgetSet, found: Forecast) -> list[str]:
    near, looked = near_kept(view, found), forget.by_looking
    copies = (
        f":material/content_copy: **{near:,} near-copies** stay among the kept records and can carry "
        "what the others take out"
        if near
        else ":material/check: No near-copies of them stay"
    )
    notes = [
        f"{copies}.",
        f":material/visibility: {RESERVATIONS['by looking'] if looked else NOT_LOOKED}",
    ]
    notes += [
        f":material/info: {as_written(warning)}" for warning in check(view.data, forget).warnings
    ]
    if hand.HAND in state.ui().draft and hand.unsaved(view):
        notes.append(":material/edit: The selection on Explore differs from this saved set.")
    return notes


def near_kept(view: View, found: Forecast) -> int:
    """Kept training records that are near-copies of a removed one."""
    copies: Array = near_copies(view.data, found.facts.forget)
    return int(np.sum(copies & found.facts.keep))


def _model(view: View, found: Forecast) -> None:
    st.markdown(badges(view.model))
    if found.facts.recipe:
        st.caption(f"A full retrain by its recipe takes {time_in_words(found.retrain)} here.")
    effect.draw(view)
