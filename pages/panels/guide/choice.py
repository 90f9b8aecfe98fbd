"""Six yes/no questions that lead to a method, with the reason."""

from __future__ import annotations

import streamlit as st

from disgorge_core.guide import QUESTIONS, Advice, Question, advise
from disgorge_core.registry import METHODS
from disgorge_core.types import Tier
from pages.common import messages
from pages.common.panels import PANELS, View

START = {"keep": True, "weights": True, "recipe": True, "retrain": True}


@PANELS.register
class Choice:
    """The decision guide."""

    name, page, tab, title, order = "guide_choice", "guide", "Which one fits?", "", 40

    def needs(self, view: View | None) -> None:
        """Nothing."""

    def draw(self, view: View | None) -> None:
        """Questions on the left, the advice on the right."""
        left, right = st.columns([3, 2], gap="large")
        with left:
            answers = {question.key: _ask(question) for question in QUESTIONS}
        with right, st.container(border=True, key="advice"):
            _show(advise(answers))


def _ask(question: Question) -> bool:
    text, answer = st.columns([4, 1], vertical_alignment="center")
    text.markdown(f"**{question.text}**  \n:gray[{question.help}]")
    start = "Yes" if START.get(question.key, False) else "No"
    chosen = answer.segmented_control(
        question.text, ["Yes", "No"], default=start, required=True,
        label_visibility="collapsed", key=f"ask_{question.key}",
    )  # fmt: skip
    return bool(chosen == "Yes")


def _show(advice: Advice) -> None:
    st.markdown(f"#### {advice.title}")
    st.markdown(messages.tier_badge(Tier(advice.tier)))
    st.markdown(advice.reason)
    for name in (n for n in advice.methods if n in METHODS):
        kind = METHODS[name]
        st.markdown(f"**{kind.title}** :gray[({name})]  \n{kind.promise}")
