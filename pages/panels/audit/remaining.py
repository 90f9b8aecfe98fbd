"""Without references: which checks remain, said before the audit starts."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import streamlit as st

from disgorge_core.jobs.foreseen import Foreseen, without_training
from disgorge_core.jobs.pairs import pair_of_models
from disgorge_core.jobs.tasks.audit import pair_of
from disgorge_core.jobs.uploaded import count_uploaded
from disgorge_core.params import make
from disgorge_core.types import Marks
from pages.common import messages
from pages.common.panels import View
from pages.common.services import cases
from pages.panels.audit.price import desk_of

REMAIN = "Without references, {count} of {all} checks can be run: {names}."
NONE = "Without references, none of the {all} checks can be run."
BROUGHT = "Beside your own {own} references, {count} of {all} checks can be run: {names}."
RESTS = (
    "Nothing is then compared with models that never saw the records, so tests can neither support nor "
    "refuse the removal: the verdict is what the method may claim by construction, or *cannot tell*."
)


def of_a_run(view: View, run: str, marks: Marks) -> Foreseen:
    """For a finished removal, whose method can be run on other records."""
    request = cases().run(view.case.id, run).request
    count = count_uploaded(cases(), view.case.id, request["forget"])
    return _of_a_run(view.case.id, run, asdict(marks), count, view)


def of_a_pair(view: View, names: tuple[str, str, str], marks: Marks) -> Foreseen:
    """For models before and after, and a forget set."""
    count = count_uploaded(cases(), view.case.id, names[2])
    return _of_a_pair(view.case.id, names, asdict(marks), count, view)


def draw(found: Foreseen, key: str, reason: str | None = None) -> None:
    """Those that remain, and behind a click those that do not; `reason` says why there are no references."""
    sentence = BROUGHT if found.references else REMAIN if found.remain else NONE
    count, names = len(found.remain), ", ".join(found.remain) or "none"
    said = sentence.format(
        count=count, all=count + len(found.skipped), names=names, own=found.references
    )
    rests = "" if found.references else RESTS
    st.markdown(f":material/info: {reason or ''} **{messages.as_written(said)}** {rests}")
    with st.expander("Checks that cannot be run", key=f"foreseen_{key}", type="compact"):
        lines = (f"- {one.title}: {messages.as_written(one.reason)}" for one in found.skipped)
        st.markdown("\n".join(lines))


@st.cache_data(show_spinner="Asking the checks", max_entries=20)
def _of_a_run(case_id: str, run: str, marks: dict[str, Any], brought: int, _view: View) -> Foreseen:
    desk, audited = desk_of(_view), cases().run(case_id, run)
    fid = audited.request["forget"]
    return without_training(desk, pair_of(desk, audited), fid, make(Marks, marks), placebo=True)


@st.cache_data(show_spinner="Asking the checks", max_entries=20)
def _of_a_pair(
    case_id: str, names: tuple[str, str, str], marks: dict[str, Any], brought: int, _view: View
) -> Foreseen:
    desk = desk_of(_view)
    return without_training(desk, pair_of_models(desk, *names), names[2], make(Marks, marks))
