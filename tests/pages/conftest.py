"""The app in a workspace of its own, and a small case with a trained model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from disgorge_core import training
from disgorge_core.cases import Case, Cases
from disgorge_core.registry import EXAMPLES
from disgorge_core.store import Workspace
from disgorge_core.types import Recipe

ROOT = Path(__file__).parents[2]
PATIENCE = 60  # seconds: the first page imports torch


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """An empty workspace that the app uses; its workers are let go at the end."""
    monkeypatch.setenv("DISGORGE_HOME", str(tmp_path))
    yield Workspace(tmp_path)
    st.cache_resource.clear()


@pytest.fixture
def cases(workspace: Workspace) -> Cases:
    """The cases of the workspace."""
    return Cases(workspace)


@pytest.fixture
def case(cases: Cases) -> Case:
    """Digits with a small network and the suggested forget set."""
    example = EXAMPLES["digits"]()
    data = example.dataset()
    model = training.fit(data, "mlp", Recipe(epochs=3, seed=1), settings={"width": 8}, name="small")
    made = cases.create("Digits case", data, [model])
    cases.save_forget(made.id, example.suggested(data)[0])
    return made


@pytest.fixture
def open_page(workspace: Workspace) -> Callable[..., AppTest]:
    """Open a page ("case/data") with query parameters, through the whole frame."""

    def opened(page: str, **address: str) -> AppTest:
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE)
        for name, value in address.items():
            app.query_params[name] = value
        app.run()
        if page != "start/home":
            app.switch_page(f"pages/{page}.py")
            for name, value in address.items():
                app.query_params[name] = value
            app.run()
        assert not app.exception, app.exception
        return app

    return opened
