"""Uploads one after another, renamed, or too large: the screen says what is wrong and loses nothing."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest
from torch import nn

from disgorge_core.cases import Case, Cases
from disgorge_core.data.loading import read_file
from disgorge_core.models.loading import read_model
from pages.panels.data import upload
from pages.panels.model import bring
from tests.pages.answers import answer_here
from tests.pages.test_bad_input import csv, parquet, people, said

Open = Callable[..., AppTest]
MAKE, ADD = "upload_create", "bring_add"


@pytest.fixture(autouse=True)
def no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_here(monkeypatch)


def send(app: AppTest, name: str, content: bytes, key: str = "upload_data") -> AppTest:
    app.file_uploader(key=key).upload(name, content, "application/octet-stream").run()
    assert not app.exception, app.exception
    return app


def offers(app: AppTest, key: str) -> bool:
    return key in [button.key for button in app.button]


def weights() -> bytes:
    torch.manual_seed(0)
    buffer = io.BytesIO()
    torch.save(nn.Sequential(nn.Flatten(), nn.Linear(64, 10)).state_dict(), buffer)
    return buffer.getvalue()


def test_a_table_beyond_the_limit_is_refused_by_its_size(
    open_page: Open, cases: Cases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "read_file", partial(read_file, limit=1000))
    app = send(open_page("case/data", new="1"), "people.csv", csv(people()))
    assert "the limit is 0.0 MB" in said(app)
    assert not offers(app, MAKE) and cases.list() == []


def test_a_model_beyond_the_limit_is_refused_by_its_size(
    open_page: Open, cases: Cases, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bring, "read_model", partial(read_model, limit=1000))
    app = open_page("case/model", case=case.id, tab="Bring one")
    assert "the limit is 0.0 MB" in said(send(app, "net.pt", weights(), "bring_file"))
    assert cases.get(case.id).models == case.models


@pytest.mark.parametrize("name", ["people.parquet", "people.npz", "people.zip"])
def test_a_renamed_table_is_known_by_what_is_in_it(
    open_page: Open, cases: Cases, name: str
) -> None:
    app = send(open_page("case/data", new="1"), name, csv(people()))
    assert offers(app, MAKE) and not app.error


@pytest.mark.parametrize("name", ["net.safetensors", "net.zip"])
def test_a_renamed_model_is_refused_or_known(
    open_page: Open, cases: Cases, case: Case, name: str
) -> None:
    app = open_page("case/model", case=case.id, tab="Bring one")
    send(app, name, weights(), "bring_file")
    assert not app.exception
    assert bool(app.error) != offers(app, ADD)
    assert cases.get(case.id).models == case.models


def test_a_program_in_the_place_of_a_table(open_page: Open, cases: Cases) -> None:
    app = send(open_page("case/data", new="1"), "people.csv", b"\x7fELF" + bytes(500))
    assert "no known kind" in said(app)
    assert cases.list() == []


def test_a_good_file_after_a_bad_one_and_a_bad_one_after_a_good_one(
    open_page: Open, cases: Cases
) -> None:
    app = send(open_page("case/data", new="1"), "people.parquet", parquet()[:-50])
    assert "damaged" in said(app) and not offers(app, MAKE)
    send(app, "people.parquet", parquet())
    assert offers(app, MAKE) and not app.error
    send(app, "people.csv", b"")
    assert "empty" in said(app) and not offers(app, MAKE)
    assert cases.list() == []


def test_a_failed_upload_leaves_the_open_case_as_it_was(
    open_page: Open, cases: Cases, case: Case
) -> None:
    before = sorted(p for p in cases.workspace.root.rglob("*") if p.is_file())
    app = open_page("case/data", case=case.id, new="1")
    send(app, "people.csv", csv(people()).replace(b"well", b"w\xff"))
    assert "UTF-8" in said(app)
    app.button(key="upload_back").click().run()
    assert not app.exception and not app.error
    assert [c.id for c in cases.list()] == [case.id]
    found = cases.get(case.id)
    assert (found.dataset, found.models) == (case.dataset, case.models)
    assert sorted(p for p in cases.workspace.root.rglob("*") if p.is_file()) == before


def test_a_failed_model_leaves_the_models_of_the_case(
    open_page: Open, cases: Cases, case: Case
) -> None:
    app = open_page("case/model", case=case.id, tab="Bring one")
    send(app, "net.pt", weights()[:-100], "bring_file")
    assert "cut short" in said(app)
    state = torch.load(io.BytesIO(weights()), weights_only=True)
    state["1.bias"][0] = np.nan
    buffer = io.BytesIO()
    torch.save(state, buffer)
    send(app, "net.pt", buffer.getvalue(), "bring_file")
    assert "not a number" in said(app) and not offers(app, ADD)
    assert cases.get(case.id).models == case.models
