"""Start an audit: the pass marks, what they can show, what they cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from math import ceil
from pathlib import Path
from typing import Any

import streamlit as st

from disgorge_core.audit.contract import price_of
from disgorge_core.audit.ensembles import FEW
from disgorge_core.audit.verdict import FEWEST
from disgorge_core.cases import Recent
from disgorge_core.controls import placebo_set
from disgorge_core.disgorging import facts_for, seconds_to_retrain
from disgorge_core.jobs import Desk
from disgorge_core.jobs.audits import Locked
from disgorge_core.jobs.placebo import Again
from disgorge_core.jobs.references import FIRST_TWIN, missing_references, why_no_references
from disgorge_core.jobs.tasks.disgorge import earlier_removals
from disgorge_core.methods.contract import Facts
from disgorge_core.params import make
from disgorge_core.registry import CHECKS, METHODS
from disgorge_core.types import Marks, silent
from pages.common import audited, compared, forms, progress, state
from pages.common.panels import PANELS, View
from pages.common.services import cases, lanes
from pages.panels.plan.forecast import time_in_words

POWER = (
    "With {n} references the smallest p-value is 1/{m} = {least:.1%} (19: 5 %, 50: 2 %, 100: 1 %). {can}. "
    "More references also tell a weaker trace from chance."
)
SIZE = (
    "KLoM and U-LiRA compare {n} models with {n} references, so that references can be compared with each "
    "other likewise; with {best} references all repeats count."
)
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
    facts = _facts(view, found.values["before"], found.values["forget"])
    reason = why_no_references(facts)
    start = dict(locked) or asdict(Marks())
    hidden = ("checks", "seed", *(("references", "twins", "repeats") if reason else ()))
    chosen = forms.fields(Marks, f"audit_{found.run}", start=start, hide=hidden)
    marks: Marks = make(Marks, start | chosen | (NONE if reason else {}))
    if reason:
        st.markdown(f":material/info: {reason} Checks that need them will be listed as not run.")
    else:
        _power(marks)
        _price(view, found, facts, marks)
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


def _power(marks: Marks) -> None:
    n = marks.references
    can = f"It can refuse a model at {marks.level:.0%}"
    if n < FEWEST or 1 / (n + 1) > marks.level:
        can = f"It can refuse no model at {marks.level:.0%}: take at least {FEWEST}"
    st.caption(POWER.format(n=n, m=n + 1, least=1 / (n + 1), can=can))
    if marks.repeats:
        st.caption(SIZE.format(n=min(marks.repeats, n // 2), best=2 * marks.repeats))


def _price(view: View, found: compared.Compared, facts: Facts, marks: Marks) -> None:
    each = _seconds(view.case.id, found.values["before"], found.values["forget"], view)
    desk = _desk(view)
    missing = missing_references(desk, facts.model, facts.keep, marks.references + 1)
    wanted = max(marks.twins, marks.repeats)
    everything = facts.keep | facts.forget
    twins = missing_references(desk, facts.model, everything, wanted, FIRST_TWIN)
    run = cases().run(view.case.id, found.run).request
    method = make(METHODS[run["method"]], run["settings"])
    share = method.price(facts)
    lines = {
        f"{marks.references} references and one in the method's place": (missing, missing * each),
        f"{wanted} twins{' (the originals of repeats)' if marks.repeats else ''}": (
            twins,
            twins * each,
        ),
        **_runs(desk, facts, run, marks, share * each),
        **_checks(facts, marks, each),
    }
    rows = "".join(_line(name, count, seconds) for name, (count, seconds) in lines.items())
    total = time_in_words(sum(seconds for _, seconds in lines.values()))
    st.html(
        f'<table class="dg-price">{rows}<tr><td>Together</td><td></td><td>{total}</td></tr></table>'
    )


def _runs(
    desk: Desk, facts: Facts, request: Mapping[str, Any], marks: Marks, seconds: float
) -> dict[str, tuple[int, float]]:
    """The lines of what the method makes again: how many, and how long they take."""
    again = Again(desk, facts, request, earlier_removals(desk, facts.model))
    removed, forget = placebo_set(facts, marks.seed), desk.forget(request["forget"])
    placebo, *repeats = again.missing(removed, forget, marks.repeats)
    lines = {"Placebo: the method on random kept records": placebo}
    if marks.repeats:
        lines[f"Repeats: the method on {marks.repeats} original seeds"] = repeats[0]
        lines[f"Repeats: its placebo on {marks.repeats} original seeds"] = repeats[1]
    return {line: (count, count * seconds) for line, count in lines.items()}


def _checks(facts: Facts, marks: Marks, each: float) -> dict[str, tuple[int, float]]:
    """What the checks cost that train models themselves; none does with a model solved in one go."""
    if facts.regime == "closed form":
        return {}
    price = sum(price_of(kind(), marks, facts.recipe) for kind in CHECKS.values())
    name = "Checks that train further, in full trainings"
    return {name: (ceil(price), price * each)} if price else {}


def _line(name: str, count: int, seconds: float) -> str:
    what = f"{count} to train" if count else "kept from before"
    return f"<tr><td>{name}</td><td>{what}</td><td>{time_in_words(seconds) if count else 'free'}</td></tr>"


def _desk(view: View) -> Desk:
    return Desk(cases(), view.case.id, Path(), silent, Recent(1, cases().workspace.model))


def _facts(view: View, model: str, forget: str) -> Facts:
    return _facts_of(view.case.id, view.case.created, model, forget, view)


@st.cache_resource(show_spinner=False, max_entries=4, scope="session")
def _facts_of(case_id: str, created: str, model: str, forget: str, _view: View) -> Facts:
    desk = _desk(_view)
    loaded = desk.model(model)
    return facts_for(loaded, desk.data, desk.forget(forget), earlier_removals(desk, loaded))


@st.cache_data(show_spinner="Pricing the references", max_entries=20)
def _seconds(case_id: str, model: str, forget: str, _view: View) -> float:
    return seconds_to_retrain(_facts(_view, model, forget))
