"""Before an audit: its price for runs and for pairs, and what remains where no references are affordable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from disgorge_core import training
from disgorge_core.cases import Case, Cases
from disgorge_core.jobs.worker import work
from disgorge_core.registry import CHECKS
from disgorge_core.runs import Run
from disgorge_core.runs.run import new_run
from disgorge_core.types import Recipe
from tests.pages.finished import finished_run
from tests.pages.test_audit import PAGE, audit_of, pair_of, text_of

OpenPage = Callable[..., AppTest]


def set_number(page: AppTest, label: str, value: int, key: str) -> AppTest:
    field = next(n for n in page.number_input if n.label == label and n.key.startswith(key))
    return field.set_value(value).run()


def skipped_of(audit: Run) -> set[str]:
    return {one["title"] for one in audit.result().values["skipped"]}


def said_to_remain(said: str, skipped: set[str]) -> None:
    """The page named beforehand what the audit then ran, and gave a reason for every other check."""
    ran = [kind.title for kind in CHECKS.values() if kind.title not in skipped]
    assert ran  # a page that promises nothing would be right otherwise
    assert f"{len(ran)} of {len(CHECKS)} checks can be run: {', '.join(ran)}." in said
    for title in skipped:
        assert f"- {title}: " in said


def test_without_references_it_says_first_which_checks_remain(
    open_page: OpenPage, cases: Cases, case: Case
) -> None:
    run = finished_run(cases, case)
    page = open_page(PAGE, case=case.id, run=run.id)
    assert "Without references" not in text_of(page)
    page = set_number(page, "Audit references", 0, "audit_")
    assert not page.exception
    said = text_of(page)
    assert "can neither support nor refuse" in said
    assert "<td>0 references" not in said and "Placebo: the method" in said
    audit = audit_of(cases, case, run, references=0)
    said_to_remain(said, skipped_of(audit))
    page = open_page(PAGE, case=case.id, run=run.id)
    assert not page.exception and "0 of 0" not in text_of(page)


def test_a_pair_without_a_recipe_says_it_too(open_page: OpenPage, cases: Cases, case: Case) -> None:
    values = pair_of(cases, case, finished_run(cases, case))
    data = cases.dataset(case.dataset)
    model = training.fit(data, "mlp", Recipe(epochs=1, seed=5), settings={"width": 8})
    theirs = cases.add_model(case.id, replace(model, recipe=None, name="theirs"))
    page = open_page(PAGE, case=case.id)
    page = page.selectbox(key="pair_before").select(theirs).run()
    page = page.selectbox(key="pair_after").select(values["after"]).run()
    said = text_of(page)
    assert not page.exception
    request = {"task": "audit_pair", **values, "before": theirs, "marks": {"references": 0}}
    audit = new_run(cases.workspace.case(case.id), request)
    work(cases, audit)
    assert audit.state == "done", (audit.problem, audit.detail)
    said_to_remain(said, skipped_of(audit))
    mine = [n.label for n in page.number_input if n.key.startswith("pair_")]
    assert mine and not {"Audit references", "Twins"} & set(mine)


@pytest.mark.parametrize("kept", [False, True])
def test_a_pair_has_its_price_in_models_and_time(
    open_page: OpenPage, cases: Cases, case: Case, kept: bool
) -> None:
    run = finished_run(cases, case)
    if kept:  # an audit of the run trained the same ones
        audit_of(cases, case, run, references=4, twins=2)
    values = pair_of(cases, case, run)
    page = open_page(PAGE, case=case.id)
    page = page.selectbox(key="pair_before").select(values["before"]).run()
    page = page.selectbox(key="pair_after").select(values["after"]).run()
    page = set_number(page, "Audit references", 4, "pair_")
    page = set_number(page, "Twins", 2, "pair_")
    tables = [h.proto.body for h in page.get("html") if 'class="dg-price"' in h.proto.body]
    mine = tables[-1]
    rows = dict(part.split("</td><td>")[:2] for part in mine.split("<tr><td>")[1:])
    models = rows["4 references and one in the method's place"], rows["2 twins"]
    missing = 5 - int(run.result().values["references"])  # the run's own are taken from there
    assert models == (("kept from before",) * 2 if kept else (f"{missing} to train", "2 to train"))
    assert "Together" in mine and "Placebo" not in mine
