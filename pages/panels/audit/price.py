"""What an audit can show and what it costs, before anything is paid for."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from pathlib import Path
from typing import Any

import streamlit as st

from disgorge_core.audit.contract import price_of
from disgorge_core.audit.verdict import FEWEST
from disgorge_core.cases import Recent
from disgorge_core.controls import placebo_set
from disgorge_core.disgorging import facts_for, seconds_to_retrain
from disgorge_core.jobs import Desk
from disgorge_core.jobs.placebo import Again
from disgorge_core.jobs.references import FIRST_TWIN, missing_references
from disgorge_core.jobs.tasks.disgorge import earlier_removals
from disgorge_core.methods.contract import Facts
from disgorge_core.params import make
from disgorge_core.registry import CHECKS, METHODS
from disgorge_core.types import Marks, silent
from pages.common.panels import View
from pages.common.services import cases
from pages.panels.plan.forecast import time_in_words

POWER = (
    "With {n} references the smallest p-value is 1/{m} = {least:.1%} (19: 5 %, 50: 2 %, 100: 1 %). {can}. "
    "More references also tell a weaker trace from chance."
)
SIZE = (
    "KLoM and U-LiRA compare {n} models with {n} references, so that references can be compared with each "
    "other likewise; with {best} references all repeats count."
)
Lines = Mapping[str, tuple[int, float]]  # what, how many, and how many seconds


def power(marks: Marks) -> None:
    """What so many references can refuse, and so many repeats compare."""
    if not marks.references:
        return
    n = marks.references
    can = f"It can refuse a model at {marks.level:.0%}"
    if n < FEWEST or 1 / (n + 1) > marks.level:
        can = f"It can refuse no model at {marks.level:.0%}: take at least {FEWEST}"
    st.caption(POWER.format(n=n, m=n + 1, least=1 / (n + 1), can=can))
    if marks.repeats:
        st.caption(SIZE.format(n=min(marks.repeats, n // 2), best=2 * marks.repeats))


# --- the price ----------------------------------------------------------------------------------


def of_a_pair(view: View, before: str, forget: str, marks: Marks) -> Lines:
    """References, twins, and the checks that train; nothing where there are to be no references."""
    if not marks.references:
        return {}
    facts, each = facts_of(view, before, forget), _seconds(view.case.id, before, forget, view)
    desk, wanted = desk_of(view), max(marks.twins, marks.repeats)
    count = missing_references(desk, facts.model, facts.keep, marks.references + 1)
    twins = missing_references(desk, facts.model, facts.keep | facts.forget, wanted, FIRST_TWIN)
    first = f"{marks.references} references and one in the method's place"
    second = f"{wanted} twins{' (the originals of repeats)' if marks.repeats else ''}"
    lines = {first: (count, count * each), second: (twins, twins * each)}
    return lines | _checks(facts, marks, each)


def of_a_run(view: View, run: str, before: str, forget: str, marks: Marks) -> Lines:
    """The same, and what its method makes again."""
    request = cases().run(view.case.id, run).request
    facts, each = facts_of(view, before, forget), _seconds(view.case.id, before, forget, view)
    share = make(METHODS[request["method"]], request["settings"]).price(facts)
    again = _runs(desk_of(view), facts, request, marks, share * each)
    return {**of_a_pair(view, before, forget, marks), **again}


def table(lines: Lines) -> None:
    """One line each, and all together; nothing where nothing is trained."""
    if not lines:
        return
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


def desk_of(view: View) -> Desk:
    """The case as a task has it; nothing is reported."""
    return Desk(cases(), view.case.id, Path(), silent, Recent(1, cases().workspace.model))


def facts_of(view: View, model: str, forget: str) -> Facts:
    """Which records are to go from a model, and which stay."""
    return _facts(view.case.id, view.case.created, model, forget, view)


@st.cache_resource(show_spinner=False, max_entries=4, scope="session")
def _facts(case_id: str, created: str, model: str, forget: str, _view: View) -> Facts:
    desk = desk_of(_view)
    loaded = desk.model(model)
    return facts_for(loaded, desk.data, desk.forget(forget), earlier_removals(desk, loaded))


@st.cache_data(show_spinner="Pricing the references", max_entries=20)
def _seconds(case_id: str, model: str, forget: str, _view: View) -> float:
    return seconds_to_retrain(facts_of(_view, model, forget))
