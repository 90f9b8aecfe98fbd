"""Which training records made one prediction: the helpful, the harmful, and the share of F in them."""

from __future__ import annotations

import numpy as np
import streamlit as st

from disgorge_core.types import Array
from pages.common import hand, messages, record_card, state
from pages.common.panels import PANELS, Need, View
from pages.common.pick_tiles import pick_tiles
from pages.common.predicted import model_need, output_of, sure
from pages.common.predictions import Predictions, label_of, predictions
from pages.common.questions import ask_soon, patient
from pages.common.services import cases

MOST, TOP = 14, 50
KINDS = ("Wrong", "Unsure", "Chosen records")
OF_NUMBERS = ("Far off", "Close", "Chosen records")  # the same places in a regression
CHOICE = 16
NARROW = 132  # pixels of a tile of words, two side by side


@PANELS.register
class OnePrediction:
    """A prediction, and the training records behind it."""

    name, page, tab, title, order = "influence_one", "influence", "One prediction", "", 30

    def needs(self, view: View) -> Need | None:
        """A plain model with known training records."""
        return model_need(view)

    @patient
    def draw(self, view: View) -> None:
        """The prediction on the left, what made it on the right."""
        found = predictions(view)
        row = record_card.row_of(view.data, state.asked("record"))
        if row is None:
            row = _striking(view, found)
        left, right = st.columns([4, 9], gap="medium")
        with left:
            with st.container(border=True, key="query_card", gap="xsmall"):
                st.markdown(f"**{view.data.ids[row]}**")
                record_card.describe(view.data, row)
                record_card.answers(found, row)
            _choose(view, found, row)
        with right:
            _made_by(view, row)


def _striking(view: View, found: Predictions) -> int:
    """The first prediction to show where none was asked for."""
    for kind in _kinds(view):
        rows = candidates(view, found, kind)
        if len(rows):
            return int(rows[0])
    return 0


def _kinds(view: View) -> tuple[str, ...]:
    return OF_NUMBERS if view.data.task == "regression" else KINDS


def _choose(view: View, found: Predictions, row: int) -> None:
    kind = st.segmented_control(
        "Another prediction", _kinds(view), key="query_kind", default=_kinds(view)[0], required=True
    )
    rows = candidates(view, found, str(kind))[:CHOICE]
    if not len(rows):
        messages.reading("There are none of this kind.")
        return
    lines = [[_answer(found, int(r))] for r in rows]
    pick_tiles(
        "query_tiles", view.data, rows, lines, lambda r: _ask(view, r), pressed=row, size=36,
        wide=NARROW if view.data.kind == "table" else 0,
    )  # fmt: skip
    messages.reading("Test records with the model's prediction. Click one.")


def _answer(found: Predictions, row: int) -> tuple[str, str]:
    if found.data.task == "regression":
        return found.said(row), ""
    return found.said(row), "good" if found.right[row] else "bad"


def candidates(view: View, found: Predictions, kind: str) -> Array:
    """Test records to ask about (or the forget set's own), the most striking first."""
    if kind == KINDS[2]:
        if not view.forget:
            return np.array([], dtype=np.int64)
        return np.flatnonzero(cases().forget(view.case.id, view.forget).mask(view.data))
    rows = view.data.rows("test")
    if view.data.task == "regression":
        error = np.abs(found.standing[rows])
        return rows[np.argsort(error if kind == OF_NUMBERS[1] else -error, kind="stable")]
    if kind == KINDS[0]:
        rows = rows[~found.right[rows]]
        return rows[np.argsort(found.of_label[rows], kind="stable")]
    return rows[np.argsort(found.confidence[rows], kind="stable")]


def _ask(view: View, row: int) -> None:
    state.put(record=str(view.data.ids[row]))


@patient
def _made_by(view: View, row: int) -> None:
    found = ask_soon(view.case, "one_query", model=view.model, row=row, target="margin")
    scores, train = np.asarray(found.arrays["influence"]), np.asarray(found.arrays["train_rows"])
    order = np.argsort(-scores, kind="stable")
    _share(view, row, scores, train, order)
    helpful, harmful = train[order[:MOST]], train[order[::-1][:MOST]]
    of = dict(zip(train.tolist(), scores.tolist(), strict=True))
    what, unit = output_of(view)
    it = "it" if what == "margin" else "the number"
    _ranked(view, "helpful", f"Held {it} up most", helpful, of)
    _ranked(view, "harmful", f"Worked against {it} most", harmful, of)
    messages.reading(
        f"Below each: its label, then by how much the {what} ({unit}) of this prediction would fall (+) or "
        f"rise (-) without it. A dot marks chosen records. {sure(view)}"
    )


def _ranked(view: View, key: str, title: str, rows: Array, of: dict[int, float]) -> None:
    st.markdown(f"**{title}**")
    tone = "good" if key == "helpful" else "bad"
    itself = state.asked("record")
    names = ["itself" if str(view.data.ids[r]) == itself else label_of(view.data, r) for r in rows]
    lines = [[(n, ""), (f"{of[r]:+.3g}", tone)] for n, r in zip(names, rows.tolist(), strict=True)]
    pick_tiles(
        f"made_{key}", view.data, rows, lines, lambda r: _card(view, r),
        chosen=hand.now(view).mask, size=48,
    )  # fmt: skip
    if key == "helpful":
        how = f"the {len(rows)} training records that hold this prediction up most"
        mask = hand.mask_of(len(view.data), rows)
        hand.buttons(view, f"made_{key}", mask, how, looking=True, ops=("add",))


def _card(view: View, row: int) -> None:
    state.go("select/explore", record=str(view.data.ids[row]))


def _share(view: View, row: int, scores: Array, train: Array, order: Array) -> None:
    if not view.forget:
        return
    forget = cases().forget(view.case.id, view.forget)
    inside = forget.mask(view.data)[train]
    top = inside[order[:TOP]]
    fall = -float(scores[inside].sum())
    what, unit = output_of(view)
    st.markdown(
        f"**{forget.name}** makes up {int(top.sum())} of the {len(top)} records that held this "
        f"prediction up most, and {inside.mean():.1%} of all training records. Without it the {what} "
        f"would change by **{fall:+.3g}** {unit}."
    )
