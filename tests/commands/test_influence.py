"""influence: the numbers of the library in a table that plain pandas reads."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch

import disgorge_core as dg
from tests.commands.conftest import FORGET


@pytest.fixture(scope="module")
def data(table) -> dg.Dataset:
    return dg.load_dataset(table, label="digit", id="person_id", owner="artist")


@pytest.fixture(scope="module")
def scores(data, model) -> dg.Scores:
    return dg.influence(dg.load_model(model, data), data, "test", coordinates=64)


@pytest.fixture
def asked(given, model) -> list[object]:
    return ["influence", *given, "--model", model, "--estimator", "ekfac", "--coordinates", 64]


def test_changes_of_a_forget_set(call, asked, data, scores, tmp_path):
    out = tmp_path / "s.csv"
    status, said, _ = call(*asked, "--forget", FORGET, "--queries", "test", "--out", out, "--json")
    found, table = json.loads(said), pd.read_csv(out)
    assert status == 0
    forget = dg.ForgetSet.where(data, FORGET)
    wanted = scores.of(forget)
    assert table["id"].tolist() == data.ids[data.rows("test")].tolist()
    np.testing.assert_allclose(table["change"], wanted, rtol=1e-4, atol=1e-7)
    assert table["in forget set"].sum() == len(set(forget.ids) & set(table["id"]))
    assert found["mean_change"] == pytest.approx(wanted.mean(), rel=1e-4)
    assert found["strongest"][0]["id"] == scores.query_ids[np.abs(wanted).argmax()]
    assert found["unit"] == scores.unit and found["trained"] == len(scores.train_ids)


def test_all_pairs_are_the_matrix(call, asked, scores, tmp_path):
    out = tmp_path / "s.parquet"
    assert call(*asked, "--all-pairs", "--out", out)[0] == 0
    table = pd.read_parquet(out)
    assert table.pop("trained on").tolist() == scores.train_ids.tolist()
    assert list(table.columns) == scores.query_ids.tolist()
    np.testing.assert_allclose(table.to_numpy(), scores.matrix, rtol=1e-4, atol=1e-6)


def test_queries_by_a_filter(call, asked, data):
    words = ["--queries", "label == 'two' and split == 'test'", "--forget", FORGET, "--json"]
    found = json.loads(call(*asked, *words)[1])
    rows = data.rows("test")
    assert found["queries"] == (data.y[rows] == data.classes.index("two")).sum()


def test_what_it_needs_is_said(call, asked, given, model, tmp_path, monkeypatch):
    def problem(*words: object) -> str:
        status, said, error = call(*words, "--quiet")
        assert (status, said) == (2, "")
        return error

    assert "Say which with --forget" in problem(*asked)
    assert "Name it with --out" in problem(*asked, "--all-pairs")
    assert "No record is among the queries" in problem(
        *asked, "--forget", FORGET, "--queries", "label == 'nine'"
    )
    net = torch.nn.Linear(12, 3)
    torch.save(net.state_dict(), tmp_path / "w.pt")
    words = ["influence", *given, "--model", tmp_path / "w.pt", "--forget", FORGET]
    assert "--trained-on train" in problem(*words)
    monkeypatch.setattr("disgorge_core.commands.influence.CELLS", 1000)
    assert "are too many scores" in problem(*asked, "--forget", FORGET)
