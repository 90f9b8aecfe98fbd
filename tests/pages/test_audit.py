"""The Audit page: what it needs, what it costs, and the verdict of a real audit of a small network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from disgorge_core import training
from disgorge_core.audit.bench import KEPT, TEST
from disgorge_core.cases import Case, Cases
from disgorge_core.data.forget_set import where
from disgorge_core.jobs.worker import work
from disgorge_core.runs import Run
from disgorge_core.runs.run import new_run
from disgorge_core.types import Marks, Recipe
from pages.panels.audit.verdict import besides
from tests.pages.finished import finished_run
from tests.pages.test_tables import diabetes

OpenPage = Callable[..., AppTest]
PAGE = "prove/audit"


def text_of(page: AppTest) -> str:
    html = [h.proto.body for h in page.get("html")]
    return " ".join([*html, *(m.value for m in page.markdown), *(c.value for c in page.caption)])


def audit_of(cases: Cases, case: Case, run: Run, **marks: object) -> Run:
    request = {"task": "audit", "audited": run.id, "marks": {"references": 4, "twins": 2, **marks}}
    audit = new_run(cases.workspace.case(case.id), request)
    work(cases, audit)
    assert audit.state == "done", (audit.problem, audit.detail)
    return audit


def test_without_a_case_or_a_run_it_says_where_to_go(open_page: OpenPage, case: Case) -> None:
    assert "No case is open" in text_of(open_page(PAGE))
    assert "no run has finished" in text_of(open_page(PAGE, case=case.id))


def test_before_an_audit_the_price_stands_first(
    open_page: OpenPage, cases: Cases, case: Case
) -> None:
    run = finished_run(cases, case)
    page = open_page(PAGE, case=case.id, run=run.id)
    said = text_of(page)
    assert "20 references and one in the method's place" in said and "Together" in said
    assert "Checks that train further" in said
    assert "No pass marks were locked" in said
    assert page.button(key="audit_go").label == "Start the audit"


TABS = ["Verdict", "Collateral", "Worst records", "Pass marks", "What was not tested"]


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_shows_something(open_page: OpenPage, cases: Cases, case: Case, tab: str) -> None:
    run = finished_run(cases, case)
    audit = audit_of(cases, case, run)
    page = open_page(PAGE, case=case.id, run=run.id, tab=tab)
    assert not page.error
    said = text_of(page)
    verdict = audit.result().values["verdict"]
    if tab == "Verdict":
        assert verdict["title"] in said and verdict["means"] in said
        assert "Distance to references" in said
        ranked, lowers = (decided(audit, how) for how in ("ranked", "lowers"))
        assert f"cleared: {ranked}." in said and f"Can only lower the verdict: {lowers}." in said
    if tab == "Collateral":
        assert "beyond chance" in said
        check_flips(page.dataframe[0].value, cases, run)
        assert page.dataframe[0].value["z² of references"].str.contains(" to ").all()
    if tab == "Worst records":
        assert {"z after", "attack after", "attack p"} <= set(page.dataframe[0].value)
        assert "chance alone gives about" in said
        assert (
            "three standard deviations" in said
            and "in a reference " in said
            and len(page.dataframe) == 1
        )
    if tab == "Pass marks":
        used = page.table[0].value["used"]
        assert used["Audit references"] == "4" and "locked" not in page.table[0].value
    if tab == "What was not tested":
        assert "extraction" in said


def decided(audit: Run, how: str) -> str:
    """The names of the findings that decide in this way, as the page joins them."""
    mine = [f for f in audit.result().values["findings"] if f["decides"] == how]
    alone = " (test)" if how == "lowers" else ""
    names = [f["measure"] + (alone if f["records"] == "Test" else "") for f in mine]
    return " and ".join(dict.fromkeys(names))


def check_flips(table: pd.DataFrame, cases: Cases, run: Run) -> None:
    """Shares of changed answers by class, counted from the logits that the run itself stored."""
    c = run.result().arrays
    data = cases.dataset(cases.list()[0].dataset)
    kept = (data.split == 0) & ~c["forget"]
    shown = table.set_index("group")["changed after"]
    for code, name in enumerate(data.classes):
        mine = kept & (data.y == code)
        changed = c["before"][mine].argmax(1) != c["after"][mine].argmax(1)
        assert shown[f"class: {name}"] == pytest.approx(changed.mean(), abs=1e-9)


def test_a_change_of_a_locked_mark_is_seen(open_page: OpenPage, cases: Cases, case: Case) -> None:
    done = finished_run(cases, case)
    locked = new_run(
        cases.workspace.case(case.id),
        {**done.request, "marks": {"references": 4, "tolerance": 0.1}},
    )
    work(cases, locked)
    audit = audit_of(cases, case, locked, tolerance=0.4)
    assert "tolerance" in audit.result().values["changed"]
    page = open_page(PAGE, case=case.id, run=locked.id, tab="Pass marks")
    table = page.table[0].value
    assert table.loc["Trace that counts as none", "locked"] == "0.1"
    assert table.loc["Trace that counts as none", "changed"] == "after the run"
    assert table.loc["Twins", "changed"] == "after the run"  # 10 by default, 2 used


def pair_of(cases: Cases, case: Case, run: Run) -> dict[str, str]:
    values = run.result().values
    return {name: values[name] for name in ("before", "after", "forget")}


def test_a_pair_is_audited_and_listed_beside_runs(
    open_page: OpenPage, cases: Cases, case: Case
) -> None:
    run = finished_run(cases, case)
    request = {
        "task": "audit_pair",
        **pair_of(cases, case, run),
        "marks": {"references": 4, "twins": 2},
    }
    audit = new_run(cases.workspace.case(case.id), request)
    work(cases, audit)
    assert audit.state == "done", (audit.problem, audit.detail)
    page = open_page(PAGE, case=case.id, run=audit.id)
    said, verdict = text_of(page), audit.result().values["verdict"]
    assert verdict["title"] in said and verdict["key"] != "exact"  # no claim by construction
    options = page.selectbox[0].options
    assert len(options) == 2 and options[0].startswith("Pair: small → ")
    assert not [b for b in page.button if b.key == "audit_go"]
    page = open_page(PAGE, case=case.id, run=audit.id, tab="What was not tested")
    assert "How the model after was made is not looked at" in text_of(page)


def test_an_audit_that_failed_says_why_and_the_page_goes_on(
    open_page: OpenPage, cases: Cases, case: Case
) -> None:
    """A recipe by which no reference can be trained."""
    values = pair_of(cases, case, finished_run(cases, case))
    data = cases.dataset(case.dataset)
    model = training.fit(data, "mlp", Recipe(epochs=1, seed=5), settings={"width": 8})
    wild = replace(model, recipe=Recipe(lr=50, l2=1.0, epochs=30), name="stated")
    before = cases.add_model(case.id, wild)
    request = {"task": "audit_pair", **values, "before": before, "marks": {"references": 4}}
    audit = new_run(cases.workspace.case(case.id), request)
    work(cases, audit)
    assert audit.state == "failed" and not audit.detail
    page = open_page(PAGE, case=case.id, run=audit.id)
    assert "cannot be trained by the recipe" in page.error[0].value
    assert "State the recipe" in page.error[0].value
    assert len(page.selectbox[0].options) == 2  # the run is still there to be audited


def test_a_pair_says_what_cannot_be_tested_before_it_starts(
    open_page: OpenPage, cases: Cases, case: Case
) -> None:
    finished_run(cases, case)
    page = open_page(PAGE, case=case.id)
    said = text_of(page)
    assert "What to know about this pair" in said and "no placebo" in said
    page.selectbox(key="pair_after").select(page.selectbox(key="pair_before").value).run()
    assert "Before and after are the same model" in page.error[0].value
    assert not [b for b in page.button if b.key == "pair_go"]


def test_repeats_have_a_price_and_a_least_number(
    open_page: OpenPage, cases: Cases, case: Case
) -> None:
    run = finished_run(cases, case)
    page = open_page(PAGE, case=case.id, run=run.id)
    repeats = next(n for n in page.number_input if n.label == "Repeats")
    assert repeats.value == 0 and "Repeats: the method" not in text_of(page)
    page = repeats.set_value(5).run()
    assert page.button(key="audit_go").disabled
    assert "5 are too few" in page.warning[0].value
    page = next(n for n in page.number_input if n.label == "Repeats").set_value(20).run()
    said = text_of(page)
    assert not page.button(key="audit_go").disabled and not page.warning
    assert "Repeats: the method on 20 original seeds" in said
    assert "20 twins (the originals of repeats)" in said
    assert "compare 10 models with 10 references" in said and "with 40 references" in said


@pytest.mark.parametrize("source", ["sex", ""])
def test_numbers_have_their_groups_too(open_page: OpenPage, cases: Cases, source: str) -> None:
    data = diabetes()
    data = replace(data, roles=replace(data.roles, source=source))
    recipe = Recipe(epochs=3, lr=1e-5, seed=1)
    model = training.fit(data, "mlp", recipe, settings={"width": 8}, name="small")
    case = cases.create("Patients", data, [model])
    cases.save_forget(case.id, where(data, "sex == 'A' and age < 40", name="Young A"))
    audit = audit_of(cases, case, finished_run(cases, case))
    page = open_page(PAGE, case=case.id, tab="Collateral")
    if not source:
        assert "No class, owner or source" in text_of(page) and not page.dataframe
        return
    assert "this model does regression" in text_of(page)
    kept = next(
        n for n, f in enumerate(audit.result().values["findings"])
        if (f["check"], f["records"]) == ("distance", "Kept records")
    )  # fmt: skip
    rows, z = (audit.result().arrays[f"{kept}_{name}"] for name in ("rows", "after"))
    table = page.dataframe[0].value.set_index("group")
    for sex in ("A", "B"):
        mine = (data.meta["sex"].iloc[rows] == sex).to_numpy()
        assert table.loc[f"sex: {sex}", "z² after"] == pytest.approx(float((z[mine] ** 2).mean()))


def test_damage_besides_is_on_the_verdict_and_chance_is_not() -> None:
    """Two of three groups of kept records beyond 5 %, none of the test records."""
    odds = {KEPT: [0.01, 0.05, 0.4], TEST: [0.06, 0.9]}
    found = SimpleNamespace(
        report=SimpleNamespace(
            marks=Marks(level=0.05),
            findings=[
                SimpleNamespace(
                    check="collateral", records=name, arrays={"p_together": np.array(p)}
                )
                for name, p in odds.items()
            ],
        )
    )
    said = besides(found)
    assert "2 of 3 groups of kept records" in said and "test" not in said
    found.report.findings = found.report.findings[1:]
    assert besides(found) == ""
