"""Audit two models that were made elsewhere, or not by one run of this app."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import streamlit as st

from disgorge_core.cases import Recent
from disgorge_core.errors import DisgorgeError
from disgorge_core.jobs import Desk
from disgorge_core.jobs.pairs import limits
from disgorge_core.jobs.references import why_no_references
from disgorge_core.params import make
from disgorge_core.types import Marks, silent
from pages.common import audited, forms, messages, state
from pages.common.panels import PANELS, Need, View
from pages.common.services import cases, lanes
from pages.panels.audit import price, remaining
from pages.panels.model.cards import names

WHAT = (
    "For models that were made elsewhere: choose the model before, the model that is said to be rid of the "
    "records, and these records. What stands beside them is trained here by the recipe of the model before."
)
NONE = {"references": 0, "twins": 0}


@PANELS.register
class AuditOfAPair:
    """The choice of two models and a forget set, what cannot be tested of them, and the button."""

    name, page, tab, title, order = "audit_pair", "audit_pair", "", "", 10

    def needs(self, view: View) -> Need | None:
        """Nothing: without two models the page asks for what a removal needs."""

    def draw(self, view: View) -> None:
        """An expander below the audits; open where there is nothing else to audit."""
        sets = {fid: forget.name for fid, forget, _ in cases().forget_sets(view.case.id)}
        if len(view.case.models) < 2 or not sets:
            return
        with st.expander(
            "Audit a pair made elsewhere", key="pair", icon=":material/compare_arrows:",
            expanded=audited.subject(view) is None,
        ):  # fmt: skip
            st.caption(WHAT)
            _form(view, sets)


def _form(view: View, sets: dict[str, str]) -> None:
    models = names(view.case)
    left, middle, right = st.columns(3, gap="medium")
    before = left.selectbox("Model before", models, format_func=models.get, key="pair_before")
    after = middle.selectbox(
        "Model after", models, index=len(models) - 1, format_func=models.get, key="pair_after"
    )
    forget = right.selectbox("Removed records", sets, format_func=sets.get, key="pair_forget")
    try:
        sentences = _limits(view.case.id, before, after, forget)
    except DisgorgeError as error:
        messages.problem(error)
        return
    st.markdown("**What to know about this pair**")
    st.markdown("\n".join(f"- {messages.as_written(sentence)}" for sentence in sentences))
    reason = why_no_references(price.facts_of(view, before, forget))
    hidden = ("repeats", "checks", "seed", *(NONE if reason else ()))
    chosen = forms.fields(Marks, "pair_marks", hide=hidden)
    marks: Marks = make(Marks, asdict(Marks()) | chosen | (NONE if reason else {}))
    if not marks.references:
        remaining.draw(remaining.of_a_pair(view, (before, after, forget), marks), "pair")
    price.power(marks)
    price.table(price.of_a_pair(view, before, forget, marks))
    if st.button("Audit this pair", type="primary", icon=":material/fact_check:", key="pair_go"):
        request = {"task": "audit_pair", "before": before, "after": after, "forget": forget}
        run = lanes().submit(view.case.id, request | {"marks": asdict(marks)})
        state.put(run=run, tab="Verdict")
        st.rerun()


@st.cache_data(show_spinner="Looking at the two models", max_entries=20)
def _limits(case_id: str, before: str, after: str, forget: str) -> tuple[str, ...]:
    desk = Desk(cases(), case_id, Path(), silent, Recent(2, cases().workspace.model))
    return limits(desk, before, after, forget)
