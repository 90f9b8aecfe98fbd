"""What is audited, a finished run or a pair made elsewhere, and the audit that belongs to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from disgorge_core.audit.bench import REMOVED
from disgorge_core.cases import Case
from disgorge_core.errors import StoreError
from disgorge_core.jobs import Run
from disgorge_core.jobs.audits import report_of
from disgorge_core.types import AuditReport
from disgorge_core.words import NOT_AUDITED
from pages.common import messages, progress
from pages.common.panels import Need, View
from pages.common.services import cases

NOTHING = Need("There is no finished audit of this run yet.", "prove/audit", "Start one")
COLOURS = {
    "exact": "green", "certified": "violet", "not distinguishable": "green", "reduced": "orange",
    "no trace": "gray", "no effect": "red", "worse": "red", "suppressed": "red", "cannot tell": "gray",
}  # fmt: skip
PAIR = ("before", "after", "forget")


@dataclass(frozen=True)
class Subject:
    """What an audit is of; `removal` is the id of the audited run, "" for a pair made elsewhere."""

    removal: str
    before: str
    after: str
    forget: str

    def audits(self, case_id: str) -> list[Run]:
        """All audits of it, the newest first."""
        return [run for run in cases().runs(case_id) if self._mine(run.request)]

    def _mine(self, request: Mapping[str, Any]) -> bool:
        if self.removal:
            return request.get("task") == "audit" and request["audited"] == self.removal
        pair = (self.before, self.after, self.forget)
        return request.get("task") == "audit_pair" and tuple(request[k] for k in PAIR) == pair


@dataclass(frozen=True, eq=False)
class Audited:
    """A finished audit: its run, its report, and what was kept beside it."""

    run: str
    report: AuditReport
    values: Mapping[str, Any]


def subjects(case_id: str) -> dict[Subject, str]:
    """What can be looked at, the newest first: each with the id of the run that names it in an address."""
    found: dict[Subject, str] = {}
    for run in cases().runs(case_id):
        one = _subject(case_id, run) if run.request.get("task") != "audit" else None
        if one is not None:
            found.setdefault(one, one.removal or run.id)
    return found


def subject(view: View) -> Subject | None:
    """That of the run of the URL (a removal, or an audit), else the newest; None if there is none."""
    try:
        found = _subject(view.case.id, cases().run(view.case.id, view.run)) if view.run else None
    except StoreError:
        found = None
    return found or next(iter(subjects(view.case.id)), None)


def _subject(case_id: str, run: Run) -> Subject | None:
    request, task = run.request, run.request.get("task")
    if task == "audit_pair":
        return Subject("", *(request[name] for name in PAIR))
    if task == "audit":
        return _subject(case_id, cases().run(case_id, request["audited"]))
    if task == "disgorge" and run.state == "done":
        values = _values(case_id, run.id)
        return Subject(run.id, *(values[name] for name in PAIR))
    return None


@st.cache_data(show_spinner=False, max_entries=200)
def _values(case_id: str, run_id: str) -> dict[str, Any]:
    """What is said of a finished removal, without its arrays."""
    values = cases().run(case_id, run_id).result().values
    outcome = {name: values["outcome"][name] for name in ("title", "seed", "tier", "cost")}
    return {**{name: values[name] for name in PAIR}, **outcome}


def name(case: Case, one: Subject, models: Mapping[str, str]) -> str:
    """One line that names it; `models` are the names of the case's models."""
    try:
        removed = cases().forget(case.id, one.forget).name
    except StoreError:
        removed = "deleted set"
    if one.removal:
        values = _values(case.id, one.removal)
        return f"{values['title']} · {removed} · seed {values['seed']}"
    before, after = (models.get(digest, "deleted model") for digest in (one.before, one.after))
    return f"Pair: {before} → {after} · {removed}"


def made(case: Case, one: Subject) -> dict[str, Any]:
    """How the model after was made: "title", "seed", "tier" and "cost"; empty for a pair from elsewhere."""
    return _values(case.id, one.removal) if one.removal else {}


def current(view: View) -> Audited | None:
    """The newest finished audit of what is looked at; None if there is none."""
    looked_at = subject(view)
    done = [r for r in looked_at.audits(view.case.id) if r.state == "done"] if looked_at else []
    return _load(view.case.id, done[0].id) if done else None


def under_way(view: View) -> Run | None:
    """The newest audit that has not ended, or that ended without a result after the newest finished one."""
    looked_at = subject(view)
    runs = looked_at.audits(view.case.id) if looked_at else []
    return runs[0] if runs and (runs[0].state in progress.LIVE or runs[0].state != "done") else None


@st.cache_resource(show_spinner=False, max_entries=6)
def _load(case_id: str, run_id: str) -> Audited:
    result = cases().run(case_id, run_id).result()
    return Audited(run_id, report_of(result.values, result.arrays), result.values)


# --- verdicts beside runs -----------------------------------------------------------------------


def verdicts(case_id: str) -> dict[str, Mapping[str, Any]]:
    """Verdict, "trace" (that is left, as text) and "closeness" of the newest audit of each audited removal.

    Closeness, where it was measured, are estimates of the distance of its answers on the removed records to
    those of references: "before", "after" and, among themselves, "references"; "n" is how many there are.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for run in cases().runs(case_id):
        audited = run.request.get("audited", "") if run.request.get("task") == "audit" else ""
        if audited and audited not in found and run.state == "done":
            found[audited] = _verdict(case_id, run.id)
    return found


@st.cache_data(show_spinner=False, max_entries=200)
def _verdict(case_id: str, run_id: str) -> dict[str, Any]:
    values = cases().run(case_id, run_id).result().values
    traces = [f["values"]["after"] for f in values["findings"] if f["check"] == "trace"]
    left = "".join(f"{t['value']:.2f} ({t['low']:.2f} to {t['high']:.2f})" for t in traces[:1])
    near = [
        f["values"] for f in values["findings"] if _is_closeness(f) and "references" in f["values"]
    ]
    close = near[0] | {"n": values["references"]} if near else {}
    return {**values["verdict"], "trace": left, "closeness": close}


def _is_closeness(finding: Mapping[str, Any]) -> bool:
    """The measure by which Runs compares methods: divergence, or for numbers the size of the difference."""
    named = (finding["check"], finding["records"]) == ("agreement", REMOVED)
    return named and finding["unit"] != "share"


def claim(said: str, verdict: Mapping[str, Any] | None) -> str:
    """The claim of a run without the sentence that it was not audited, once it was."""
    return said if verdict is None else said.removesuffix(NOT_AUDITED).rstrip()


def badge(verdict: Mapping[str, Any] | None) -> str:
    """Markdown of a verdict's badge, or of there being none."""
    if verdict is None:
        return f":gray-badge[{NOT_AUDITED}]"
    return f":{COLOURS[verdict['key']]}-badge[{messages.as_written(verdict['title'])}]"
