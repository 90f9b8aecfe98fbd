"""Runs: history, card, script and comparison against numbers worked out here from models and logits."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from disgorge_core.cases import Case, Cases
from disgorge_core.data.forget_set import where
from disgorge_core.jobs.script import script
from disgorge_core.jobs.worker import work
from disgorge_core.models.prediction import logits
from disgorge_core.runs.run import CANCEL, Run, new_run
from pages.panels.runs import scores
from tests.pages.answers import answer_here
from tests.pages.finished import finished_run

OpenPage = Callable[..., AppTest]
PAGE = "disgorge/runs"
COMPARE = {"tab": "Compare methods"}


@pytest.fixture(autouse=True)
def no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_here(monkeypatch)


def text(app: AppTest) -> str:
    """Everything that the page says."""
    html = [e.value for e in app.main.get("html")]
    return " ".join([*html, *(m.value for m in app.markdown), *(c.value for c in app.caption)])


def right(cases: Cases, case: Case, digest: str) -> float:
    """Share of right answers on the removed training records."""
    data, forget = cases.dataset(case.dataset), cases.forget_sets(case.id)[0][1]
    gone = np.isin(data.ids, forget.ids) & (data.split == 0)
    answers = logits(cases.model(digest), data.x[gone]).argmax(1)
    return float((answers == data.y[gone]).mean())


def test_an_empty_history_leads_to_the_plan(open_page: OpenPage, case: Case) -> None:
    assert "Nothing has run" in text(open_page(PAGE, case=case.id))


def test_history_and_card_say_what_the_models_answer(
    open_page: OpenPage, cases: Cases, case: Case
) -> None:
    run = finished_run(cases, case)
    values = run.result().values
    app = open_page(PAGE, case=case.id, run=run.id)
    row = app.dataframe[0].value.iloc[0]
    before, after = (right(cases, case, values[name]) for name in ("before", "after"))
    assert row["before"] == pytest.approx(100 * before)
    assert row["after"] == pytest.approx(100 * after)
    assert row["cost"] == pytest.approx(94.2)  # 942 of 1,000 records, all epochs
    assert (row["what"], row["tier"], row["state"]) == (
        "Retrain without the records", "rebuilt", "✓ done",
    )  # fmt: skip
    assert app.metric[0].value == f"{100 * after:.1f} %"
    assert f"was {100 * before:.1f} %" in app.metric[0].delta
    assert values["outcome"]["claim"] in text(app)


def test_the_verdict_of_an_audit_stands_beside_its_run(
    open_page: OpenPage, cases: Cases, case: Case
) -> None:
    audited, other = finished_run(cases, case), finished_run(cases, case, "finetune")
    request = {"task": "audit", "audited": audited.id, "marks": {"references": 4, "twins": 2}}
    audit = new_run(cases.workspace.case(case.id), request)
    work(cases, audit)
    verdict = audit.result().values["verdict"]
    app = open_page(PAGE, case=case.id, run=audited.id)
    shown = dict(
        zip(app.dataframe[0].value["what"], app.dataframe[0].value["verdict"], strict=True)
    )
    titles = [run.result().values["outcome"]["title"] for run in (audited, other)]
    assert [shown[title] for title in titles] == [verdict["key"], "not audited"]
    assert shown[f"Audit · {titles[0]}"] == verdict["key"]
    assert verdict["title"] in text(app) and "Not audited" not in text(app)
    page = open_page("compare/before_after", case=case.id, run=audited.id)
    assert verdict["title"] in text(page) and "Not audited" not in text(page)
    assert "Not audited" in text(open_page("compare/before_after", case=case.id, run=other.id))
    numbers = open_page(PAGE, case=case.id, **COMPARE).dataframe[0].value
    assert sorted(numbers["verdict"]) == sorted([verdict["title"], "not audited"])


def test_the_card_shows_the_script_of_its_run(
    open_page: OpenPage, cases: Cases, case: Case
) -> None:
    run = finished_run(cases, case, "finetune", settings={"epochs": 1}, seed=3, references=0)
    shown = [code.value for code in open_page(PAGE, case=case.id, run=run.id).code]
    assert (
        script(cases, run).strip() in shown
    )  # that it makes the same model: tests/jobs/test_script.py


def test_a_failed_run_says_why_and_starts_again(
    open_page: OpenPage, cases: Cases, case: Case
) -> None:
    fid = cases.forget_sets(case.id)[0][0]
    request = {"task": "disgorge", "model": case.models[0], "forget": fid, "method": "sisa"}
    run = new_run(cases.workspace.case(case.id), {**request, "settings": {}, "seed": 0})
    work(cases, run)
    app = open_page(PAGE, case=case.id, run=run.id)
    assert "does not apply here" in app.error[0].value
    assert "train one in shards" in app.error[0].value
    app.button(key="again_history").click().run()
    assert not app.exception
    newest = cases.runs(case.id)[0]
    assert newest.id != run.id
    assert newest.request["method"] == "sisa"
    assert app.session_state["ui"].run == newest.id


def test_waiting_runs_stand_in_line_and_can_be_cancelled(
    open_page: OpenPage, cases: Cases, case: Case
) -> None:
    runs = [_queued(cases, case, seed) for seed in (1, 2)]
    app = open_page(PAGE, case=case.id, run=runs[0].id)
    shown = text(app)
    assert "Waiting for the worker, 1 ahead of it" in shown
    app.button(key=f"cancel_{runs[1].id}").click().run()
    assert (runs[1].folder / CANCEL).exists()
    assert not (runs[0].folder / CANCEL).exists()


def _queued(cases: Cases, case: Case, seed: int) -> Run:
    fid = cases.forget_sets(case.id)[0][0]
    request = {
        "task": "disgorge", "model": case.models[0], "forget": fid, "method": "retrain",
        "settings": {}, "seed": seed, "references": 0,
    }  # fmt: skip
    return new_run(cases.workspace.case(case.id), request)


def test_distances_are_those_of_plain_numpy(open_page: OpenPage, cases: Cases, case: Case) -> None:
    retrained = finished_run(cases, case, references=3)
    tuned = finished_run(
        cases, case, "finetune", references=0
    )  # held against the other's references
    arrays = retrained.result().arrays
    data = cases.dataset(case.dataset)
    gone = arrays["forget"] & (data.split == 0)
    references = [softmax(z[gone]) for z in arrays["references"]]
    app = open_page(PAGE, case=case.id, **COMPARE)
    table = next(d.value for d in app.dataframe if "distance" in d.value).set_index("method")
    for run in (retrained, tuned):
        after = softmax(run.result().arrays["after"][gone])
        to = [js(after, reference) for reference in references]
        row = table.loc[run.result().values["outcome"]["title"]]
        assert row["distance"] == pytest.approx(np.mean(to), rel=1e-4)
        assert row["from"] == pytest.approx(min(to), rel=1e-4)
        assert row["to"] == pytest.approx(max(to), rel=1e-4)
        assert row["score on removed"] == pytest.approx(
            right(cases, case, run.result().values["after"])
        )
    floor = [js(a, b) for a, b in combinations(references, 2)]
    assert table["floor"].iloc[0] == pytest.approx(np.mean(floor), rel=1e-4)


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z.astype(np.float64) - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def js(p: np.ndarray, q: np.ndarray) -> float:
    """Mean Jensen-Shannon divergence of rows, as entropy of the mean minus mean entropy."""

    def entropy(a: np.ndarray) -> np.ndarray:
        return -(a * np.log(np.maximum(a, 1e-300))).sum(1)

    return float((entropy((p + q) / 2) - (entropy(p) + entropy(q)) / 2).mean())


def test_runs_of_other_records_or_models_are_not_mixed(cases: Cases, case: Case) -> None:
    first = finished_run(cases, case, references=0)
    data = cases.dataset(case.dataset)
    other = cases.save_forget(case.id, where(data, "style == '2 style 1'", name="other"))
    second = finished_run(cases, case, forget=other, references=0)
    chained = finished_run(
        cases, case, model=first.result().values["after"], forget=other, references=0
    )
    found = scores.groups(cases.runs(case.id))
    assert [[run.id for run in group.runs] for group in found] == [
        [chained.id], [second.id], [first.id],
    ]  # fmt: skip


def test_without_references_the_comparison_says_what_it_needs(
    open_page: OpenPage, cases: Cases, case: Case
) -> None:
    finished_run(cases, case, references=0)
    assert "at least two references" in text(open_page(PAGE, case=case.id, **COMPARE))
