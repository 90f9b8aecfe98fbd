"""What is to be expected before anything runs: the quality of the model without the records."""

from __future__ import annotations

import streamlit as st

from disgorge_core.errors import DisgorgeError
from pages.common import messages, state
from pages.common.panels import View
from pages.common.predicted import BEYOND, holds
from pages.common.questions import ask

ASKED = "plan_effect"  # draft: for which model and forget set the question was asked
SENTENCE = (
    "First-order estimate from the curvature of the loss, for the records of {split} that stay. "
    "A run shows what really happens."
)


@st.fragment
def draw(view: View) -> None:
    """A button; then the answer, which is worked out beside the page and kept."""
    now = (view.model, view.forget)
    if state.ui().draft.get(ASKED) == now:
        _answer(view)
    else:
        st.button(
            "Predict the effect", key="plan_effect", icon=":material/online_prediction:",
            on_click=state.ui().draft.update, args=({ASKED: now},),
        )  # fmt: skip
    messages.link("select/influence", "What these records hold up", ":material/hub:")


def _answer(view: View) -> None:
    try:
        with st.spinner("Estimating"):
            found = ask(view.case, "predicted_effect", model=view.model, forget=view.forget)
            believable = holds(view, found)
    except DisgorgeError as error:
        messages.problem(error)
        return
    if found.values["splits"] and not believable:  # no number is better than a wrong one
        st.warning(BEYOND, icon=":material/warning:")
        return
    splits = found.values["splits"]
    split = "test" if "test" in splits else next(iter(splits), "")
    if not split:
        st.caption("There are no validation or test records to predict for.")
        return
    before, after = (splits[split][kind]["value"] for kind in ("before", "after"))
    shares = view.data.task == "classification"
    st.markdown(
        f"**{_said(after, shares)}** on {split}, predicted :gray[({_said(before, shares)} now)]"
    )
    messages.reading(SENTENCE.format(split=split))


def _said(value: float, shares: bool) -> str:
    return f"{100 * value:.1f} % right" if shares else f"error {value:.3g}"
