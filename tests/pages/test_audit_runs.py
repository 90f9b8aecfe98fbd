"""Runs compares methods by what their audits measured, with its interval; others by their few references."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from disgorge_core.audit.bench import REMOVED
from disgorge_core.cases import Case, Cases
from disgorge_core.jobs.worker import work
from disgorge_core.runs.run import new_run
from tests.pages.finished import finished_run
from tests.pages.test_audit import audit_of

OpenPage = Callable[..., AppTest]


def test_an_audited_run_stands_at_the_distance_that_its_audit_measured(
    open_page: OpenPage, cases: Cases, case: Case
) -> None:
    run = finished_run(cases, case)
    other = new_run(cases.workspace.case(case.id), {**run.request, "seed": 7})
    work(cases, other)
    audit = audit_of(cases, case, run, checks="agreement")
    page = open_page("disgorge/runs", case=case.id, tab="Compare methods")
    assert not page.exception
    table = page.dataframe[0].value.set_index("seed")
    found = next(
        f["values"] for f in audit.result().values["findings"]
        if f["records"] == REMOVED and f["unit"] == "nats"
    )  # fmt: skip
    mine, others = table.loc[run.request["seed"]], table.loc[7]
    for column, end in (("distance", "value"), ("from", "low"), ("to", "high")):
        assert mine[column] == pytest.approx(found["after"][end])
    assert (
        mine["interval"] == "95 %, 4 references" and others["interval"] == "range over references"
    )
    assert mine["floor"] == others["floor"] == pytest.approx(found["references"]["value"])
