"""What is open: the URL and the session agree, and another case takes nothing along."""

from __future__ import annotations

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from disgorge_core.cases import Case, Cases

Open = Callable[..., AppTest]


def test_a_mailed_link_opens_its_case_and_forget_set(
    open_page: Open, cases: Cases, case: Case
) -> None:
    fid = cases.forget_sets(case.id)[0][0]
    app = open_page("start/home", case=case.id, forget=fid)
    assert (app.session_state["ui"].case, app.session_state["ui"].forget) == (case.id, fid)
    side = " ".join(element.value for element in app.sidebar.get("html"))
    count = len(cases.forget(case.id, fid))
    assert "Digits case" in side
    assert f"{count:,} records" in side


def test_the_open_case_follows_to_the_next_page_and_into_its_url(
    open_page: Open, case: Case
) -> None:
    app = open_page("start/home", case=case.id)
    app.query_params.clear()
    app.switch_page("pages/case/data.py").run()
    assert not app.exception
    assert app.query_params["case"] == case.id


def test_another_case_in_the_url_drops_the_first_ones_choices(
    open_page: Open, cases: Cases, case: Case
) -> None:
    app = open_page("start/home", case=case.id, run="some-run")
    app.session_state["ui"].draft["choice"] = 1
    other = cases.create("Other", cases.dataset(case.dataset))
    app.query_params.clear()
    app.query_params["case"] = other.id
    app.run()
    ui = app.session_state["ui"]
    assert (ui.case, ui.run, ui.draft) == (other.id, "", {})


def test_a_link_to_a_case_that_is_gone_says_so_without_a_traceback(open_page: Open) -> None:
    app = open_page("case/model", case="no-such-case")
    assert any("No case is open" in e.value for e in app.get("html"))


def test_an_id_that_leads_out_of_the_workspace_opens_nothing(open_page: Open) -> None:
    app = open_page("case/model", case="../../etc")
    assert any("No case is open" in e.value for e in app.get("html"))
