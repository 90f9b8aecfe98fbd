"""audit: the library's report, of a method and of a pair; its exit status; what makes no sense is said."""

from __future__ import annotations

import json

import pytest

import disgorge_core as dg
from disgorge_core.commands import audit as command
from disgorge_core.types import Verdict
from tests.commands.conftest import FORGET

MARKS = ["--references", 4, "--twins", 2, "--checks", "distance,quality", "--quiet"]


@pytest.fixture(scope="module")
def data(table) -> dg.Dataset:
    return dg.load_dataset(table, label="digit", id="person_id", owner="artist")


@pytest.fixture
def asked(given, model) -> list[object]:
    return ["audit", *given, "--model", model, "--forget", FORGET, *MARKS]


def same(got: str, wanted: dg.AuditReport) -> bool:
    return json.loads(got) == json.loads(wanted.to_json())


def test_a_method_is_run_and_audited_as_by_the_library(call, asked, data, model):
    status, said, problem = call(*asked, "--method", "finetune", "--epochs", 2, "--json")
    before, forget = dg.load_model(model, data), dg.ForgetSet.where(data, FORGET)
    outcome = dg.disgorge(before, data, forget, "finetune", epochs=2)
    wanted = dg.audit(outcome, references=4, twins=2, checks=["distance", "quality"])
    assert same(said, wanted), problem
    assert status == command.NOT_CLEARED == 3 and wanted.verdict.key == "cannot tell"


def test_a_retrained_model_is_cleared(call, asked):
    status, said, _ = call(*asked, "--json")
    assert status == 0 and json.loads(said)["verdict"]["key"] == "exact"


def test_a_pair_is_audited(call, asked, data, given, model, tmp_path):
    words = ["--forget", FORGET, "--method", "finetune", "--out", tmp_path / "out", "--quiet"]
    assert call("disgorge", *given, "--model", model, *words)[0] == 0
    after = tmp_path / "out" / "model"
    status, said, problem = call(*asked, "--after", after, "--json")
    assert status == 3, problem
    pair = dg.Pair(
        dg.load_model(model, data), dg.load_model(after, data), data,
        dg.ForgetSet.where(data, FORGET), recipe="known",
    )  # fmt: skip
    assert same(said, dg.audit(pair, references=4, twins=2, checks=["distance", "quality"]))


@pytest.mark.parametrize(
    ("key", "status"),
    [("exact", 0), ("certified", 0), ("not distinguishable", 0), ("reduced", 3), ("no trace", 3),
     ("no effect", 3), ("worse", 3), ("suppressed", 3), ("cannot tell", 3)],
)  # fmt: skip
def test_the_exit_status_is_the_verdict(call, asked, monkeypatch, key, status):
    verdict = Verdict(key, "T", "measured", "means", "left")
    report = dg.AuditReport(verdict, (), (), dg.Marks(), 0, 0)
    monkeypatch.setattr(command.verbs, "audit", lambda *_a, **_n: report)
    assert call(*asked, "--method", "finetune", "--epochs", 1)[0] == status


def test_in_words(call, asked):
    _, said, _ = call(*asked)
    lines = said.splitlines()
    assert lines[0] == "Exact by construction"
    assert any(line.startswith("Distance to references, removed records") for line in lines)
    assert any(line.startswith("Not tested: KLoM: It was not asked for.") for line in lines)
    assert "About this model" in lines


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--repeats", 4], "4 repeats are too few"),
        (["--references", 900], "references"),
        (["--checks", "none"], "no check 'none'"),
        (["--after", "there", "--method", "retrain"], "Give --after or --method"),
        (["--after", "there"], "there"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(call, asked, words, what):
    status, said, problem = call(*asked, *words)
    assert status == 2 and said == ""
    assert what.lower() in problem.lower() and problem.count("\n") == 1
