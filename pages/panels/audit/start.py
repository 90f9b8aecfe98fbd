"""Start an audit: the pass marks, what they can show, what they cost."""

from __future__ import annotations

from dataclasses import asdict, replace

import streamlit as st

from disgorge_core.audit.ensembles import FEW
from disgorge_core.jobs.audits import Locked
from disgorge_core.jobs.references import why_no_references
from disgorge_core.params import make
from disgorge_core.types import Marks
from pages.common import audited, compared, forms, progress, state
from pages.common.panels import PANELS, View
from pages.common.services import cases, lanes
from pages.panels.audit import price, remaining

FEW_REPEATS = "Set Repeats to 0, or to {few} or more: {count} are too few to judge the procedure."
FEW_REFERENCES = "To judge the procedure takes at least {few} references as well."
NONE = {"references": 0, "twins": 0, "repeats": 0}
NOT_LOCKED = (
    "No pass marks were locked before this run. What you set now is set after the result is known, and the "
    "report will say so."
)
LOCKED = "These pass marks were locked before the run. A change will be visible in the report."


@PANELS.register
class Start:
    """The form and the button; the bar while it works."""

    name, page, tab, title, order = "audit_start", "audit", "Verdict", "", 20

    def needs(self, view: View) -> None:
        """Nothing: the page asks for a finished run first."""

    def draw(self, view: View) -> None:
        """Watch what is under way, or offer a (new) audit."""
        run = audited.under_way(view)
        if run is not None:
            progress.watch(view.case.id, run.id, key="audit_progress", curve=False)
            if run.state in progress.LIVE:
                return
        if not _of_a_run(view):
            return
        if audited.current(view) is None:
            with st.container(border=True, key="audit_start"):
                st.markdown("#### Test this result")
                _form(view)
        else:
            with st.expander("Audit again with other pass marks", key="audit_again"):
                _form(view)


def _of_a_run(view: View) -> str:
    """The run that would be audited; "" for a pair made elsewhere, which has a form of its own."""
    one = audited.subject(view)
    return one.removal if one else ""


def _form(view: View) -> None:
    found = compared.current(replace(view, run=_of_a_run(view)))
    if found is None:
        return
    run = cases().run(view.case.id, found.run)
    locked = Locked.of(run).marks
    st.markdown(
        f":material/{'lock' if locked else 'lock_open'}: {LOCKED if locked else NOT_LOCKED}"
    )
    before, forget = found.values["before"], found.values["forget"]
    facts = price.facts_of(view, before, forget)
    reason = why_no_references(facts)
    start = dict(locked) or asdict(Marks())
    hidden = ("checks", "seed", *(("references", "twins", "repeats") if reason else ()))
    chosen = forms.fields(Marks, f"audit_{found.run}", start=start, hide=hidden)
    marks: Marks = make(Marks, start | chosen | (NONE if reason else {}))
    if reason or not marks.references:
        remaining.draw(remaining.of_a_run(view, found.run, marks), "run", reason)
    if not reason:
        price.power(marks)
        price.table(price.of_a_run(view, found.run, before, forget, marks))
    few = _few(marks)
    if few:
        st.warning(few, icon=":material/info:")
    go = st.button(
        "Start the audit",
        type="primary",
        icon=":material/fact_check:",
        key="audit_go",
        disabled=bool(few),
    )
    if go:
        request = {"task": "audit", "audited": found.run, "marks": asdict(marks)}
        state.put(run=found.run)
        lanes().submit(view.case.id, request)
        st.rerun()


def _few(marks: Marks) -> str:
    """Why the procedure cannot be judged by so few models; "" if it can, or is not to be."""
    if 0 < marks.repeats < FEW:
        return FEW_REPEATS.format(few=FEW, count=marks.repeats)
    return FEW_REFERENCES.format(few=FEW) if marks.repeats and marks.references < FEW else ""
