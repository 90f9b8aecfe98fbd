"""Home: examples with their own pictures, my cases, deletion with its list, disk use."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from streamlit.testing.v1 import AppTest

from disgorge_core.cases import Case, Cases
from disgorge_core.registry import EXAMPLES
from disgorge_core.store import Workspace
from pages.panels.home.cover import cover

Open = Callable[..., AppTest]


def test_every_example_has_a_card_with_its_own_picture_and_one_button(open_page: Open) -> None:
    app = open_page("start/home")
    html = " ".join(e.value for e in app.main.get("html"))
    for kind in EXAMPLES.values():
        assert kind.title in html
        assert app.button(key=f"open_example_{kind.name}").label == "Open"
    assert html.count("dg-card-picture") == len(EXAMPLES)
    assert len({cover(name) for name in EXAMPLES}) == len(EXAMPLES)


def test_the_path_has_five_pictures(open_page: Open) -> None:
    app = open_page("start/home")
    path = next(e.value for e in app.main.get("html") if "dg-path" in e.value)
    assert path.count("<img") == 5


def test_a_case_is_listed_with_its_models_and_opens_in_explore(open_page: Open, case: Case) -> None:
    app = open_page("start/home")
    assert any("1 model" in m.value for m in app.markdown)
    app.button(key=f"open_{case.id}").click().run()
    assert not app.exception
    assert app.title[0].value == "Explore"
    assert app.session_state["ui"].case == case.id


def test_a_deleted_case_is_gone_from_disk_and_its_files_are_listed(
    open_page: Open, cases: Cases, case: Case, workspace: Workspace
) -> None:
    files = {str(p.relative_to(workspace.root)) for p in workspace.root.rglob("*") if p.is_file()}
    own = {f for f in files if f.startswith(("cases/" + case.id, "models/", "datasets/"))}
    app = open_page("start/home")
    app.button(key=f"delete_{case.id}").click().run()
    app.button(key="delete_yes").click().run()
    assert not app.exception
    assert cases.list() == []
    assert own <= set(app.code[0].value.splitlines())
    assert not any((workspace.root / name).exists() for name in own)


def test_disk_use_is_the_sum_of_the_files(
    open_page: Open, case: Case, workspace: Workspace
) -> None:
    bytes_used = sum(p.stat().st_size for p in workspace.root.rglob("*") if p.is_file())
    app = open_page("start/home")
    said = next(c.value for c in app.caption if "This workspace uses" in c.value)
    shown = float(said.split()[3].replace(",", ""))
    assert np.isclose(shown, bytes_used / 1e6, atol=0.06)
