"""Every screen shows something for every kind of record: no traceback, no problem, no empty panel."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from disgorge_core.cases import Case, Cases
from disgorge_core.store import Workspace
from pages.common.frame import MENU
from pages.common.panels import PANELS
from tests.contracts.kinds import DATA, made
from tests.pages.answers import answer_here
from tests.pages.finished import finished_audit, finished_run

ROOT = Path(__file__).parents[2]
PATIENCE = 60  # seconds
NOT_A_NUMBER = re.compile(r"\b(nan|NaN|<NA>)\b")  # a missing value is said in words
PAGES = {
    "data": "case/data", "model": "case/model", "explore": "select/explore",
    "influence": "select/influence", "plan": "disgorge/plan", "runs": "disgorge/runs",
    "before_after": "compare/before_after",
    "audit": "prove/audit",
}  # fmt: skip


@pytest.fixture(scope="module", params=DATA)
def finished(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Cases, Case, str]]:
    """A case of one kind whose forget set was removed by a retrain, beside references, and audited."""
    cases = Cases(Workspace(tmp_path_factory.mktemp(request.param)))
    case = made(cases, request.param)
    run = finished_run(cases, case, references=2)
    finished_audit(cases, cases.get(case.id), run)
    yield cases, cases.get(case.id), run.id
    st.cache_resource.clear()


def tabs_of(page: str) -> list[str]:
    return list(dict.fromkeys(kind.tab for kind in PANELS.values() if kind.page == page))


def opened(page: str, address: dict[str, str]) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE)
    app.run()
    app.switch_page(f"pages/{page}.py")
    for name, value in address.items():
        app.query_params[name] = value
    return app.run()


def test_every_page_of_the_menu_is_opened_here():
    """But for those that need no case."""
    menu = {page for entries in MENU.values() for page, _, _ in entries}
    assert menu - set(PAGES.values()) == {"start/home", "start/guide"}


@pytest.mark.parametrize("page", PAGES)
def test_every_tab_shows_something(
    finished: tuple[Cases, Case, str], page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases, case, run = finished
    monkeypatch.setenv("DISGORGE_HOME", str(cases.workspace.root))
    answer_here(monkeypatch)
    address = {"case": case.id, "run": run, "forget": cases.forget_sets(case.id)[0][0]}
    for tab in tabs_of(page):
        app = opened(PAGES[page], address | ({"tab": tab} if tab else {}))
        assert not app.exception, (tab, app.exception)
        assert [e.value for e in app.error] == [], tab
        needs = [e.proto.body for e in app.get("html") if 'class="dg-need"' in e.proto.body]
        assert needs == [], tab
        said = [e.value for e in [*app.markdown, *app.caption]]
        said += [e.proto.body for e in app.get("html")]
        assert [text for text in said if NOT_A_NUMBER.search(text)] == [], tab
