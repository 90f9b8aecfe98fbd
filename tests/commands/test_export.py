"""export: what is written is what the library holds, from files and from a case of the workspace."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load_file

import disgorge_core as dg
from disgorge_core import comparison
from disgorge_core.cases import Case, Cases
from disgorge_core.data import forget_set
from disgorge_core.jobs.script import script
from disgorge_core.store import Workspace
from tests.commands.conftest import FORGET
from tests.pages.finished import finished_run


@pytest.fixture(scope="module")
def data(table) -> dg.Dataset:
    return dg.load_dataset(table, label="digit", id="person_id", owner="artist")


@pytest.fixture(scope="module")
def home(data, model, tmp_path_factory) -> Path:
    """A workspace with a case, a forget set and a finished run."""
    root = tmp_path_factory.mktemp("home")
    cases = Cases(Workspace(root))
    case = cases.create("People", data, [dg.load_model(model, data)])
    cases.save_forget(case.id, dg.ForgetSet.where(data, FORGET))
    finished_run(cases, case, references=1)
    return root


@pytest.fixture
def case(home) -> tuple[Cases, Case]:
    cases = Cases(Workspace(home))
    return cases, cases.list()[0]


def read(path: Path) -> pd.DataFrame:
    return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_retain_and_forget_split_the_records(call, given, data, tmp_path, suffix):
    kept, gone = tmp_path / f"kept{suffix}", tmp_path / f"gone{suffix}"
    words = ["--forget", FORGET]
    status, said, _ = call("export", "retain", *given, *words, "--out", kept, "--json")
    assert status == 0 and json.loads(said)["rows"] == len(read(kept))
    assert call("export", "forget", *given, *words, "--out", gone)[0] == 0
    wanted = (data.meta["artist"] == "Artist 07").to_numpy()
    assert read(gone)["id"].tolist() == data.ids[wanted].tolist()
    table = read(kept)
    assert table["id"].tolist() == data.ids[~wanted].tolist()
    np.testing.assert_allclose(table["p4"], data.x["p4"].to_numpy()[~wanted])
    split = np.array(["train", "validation", "test"])[data.split[~wanted]]
    assert table["split"].tolist() == split.tolist()


def test_the_forget_set_as_json_goes_round(call, given, data, tmp_path):
    words = ["--forget", FORGET, "--reason", "asked", "--out", tmp_path / "f.json"]
    assert call("export", "forget", *given, *words)[0] == 0
    kept = forget_set.load(tmp_path / "f.json")
    assert kept.reason == "asked" and kept.ids == dg.ForgetSet.where(data, FORGET).ids
    words = ["--forget-ids", tmp_path / "f.json", "--earlier", tmp_path / "f.json"]
    assert call("export", "retain", *given, *words, "--out", tmp_path / "r.csv")[0] == 0
    assert len(read(tmp_path / "r.csv")) == len(data) - len(kept)


def test_a_model_as_folder_and_as_weights(call, given, data, model, tmp_path):
    words = [*given, "--model", model]
    assert call("export", "model", *words, "--out", tmp_path / "m")[0] == 0
    before = dg.load_model(model, data)
    assert dg.load_model(tmp_path / "m", data).digest == before.digest
    assert call("export", "weights", *words, "--out", tmp_path / "w.safetensors")[0] == 0
    state, kept = load_file(tmp_path / "w.safetensors"), before.network.state_dict()
    assert {k: v.tolist() for k, v in state.items()} == {
        k.replace("__", "."): v.tolist() for k, v in kept.items()
    }


def test_records_of_two_models(call, given, data, model, tmp_path):
    before, forget = dg.load_model(model, data), dg.ForgetSet.where(data, FORGET)
    after = dg.disgorge(before, data, forget, "finetune", epochs=1).model
    dg.save_model(after, tmp_path / "after")
    words = ["export", "records", *given, "--model", model, "--forget", FORGET]
    status, _, problem = call(*words, "--out", tmp_path / "r.csv", "--quiet")
    assert status == 2 and "Name its folder with --after" in problem
    words += ["--after", tmp_path / "after", "--reference", model, "--out", tmp_path / "r.csv"]
    assert call(*words)[0] == 0
    c = dg.compare(before, after, data, forget.mask(data), [before])
    wanted = comparison.records(c, data, data.rows("all"))
    table = read(tmp_path / "r.csv")
    np.testing.assert_allclose(table["label after"], wanted["label after"], rtol=1e-12)
    np.testing.assert_allclose(table["references low"], table["label before"], rtol=1e-12)


def test_everything_comes_out_of_a_case(call, home, case, data, tmp_path):
    cases, opened = case
    run = cases.runs(opened.id)[0]
    words = ["--case", opened.id, "--home", home, "--quiet"]

    def out(what: str, name: str, *more: object) -> Path:
        status, _, problem = call("export", what, *words, *more, "--out", tmp_path / name)
        assert status == 0, problem
        return tmp_path / name

    forget = dg.ForgetSet.where(data, FORGET)
    assert set(read(out("forget", "f.csv"))["id"]) == set(forget.ids)
    assert len(read(out("retain", "r.parquet"))) == len(data) - len(forget)
    c = comparison.Comparison.from_arrays(run.result().arrays)
    pd.testing.assert_frame_equal(
        read(out("records", "c.parquet")), comparison.records(c, data, data.rows("all")),
        check_dtype=False,
    )  # fmt: skip
    assert dg.load_model(out("model", "m"), data).digest == run.result().values["after"]
    first = out("model", "first", "--model", opened.models[0][:10])
    assert dg.load_model(first, data).digest == opened.models[0]
    assert out("script", "s.py", "--run", run.id).read_text() == script(cases, run)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["retain", "--case", "nobody"], "There is no case 'nobody'. There is: people-"),
        (["retain", "--case", "CASE", "--run", "x"], "There is no such run"),
        (["model", "--case", "CASE", "--model", "zz"], "'zz' names no model of the case"),
        (["retain", "--case", "CASE", "--home", "nowhere"], "There is no workspace at"),
        (["sculpture", "--case", "CASE"], "Argument what: invalid choice: 'sculpture'"),
    ],
)
def test_bad_input_is_one_sentence(call, home, case, tmp_path, words, sentence):
    words = [case[1].id if word == "CASE" else word for word in words]
    homes = [] if "--home" in words else ["--home", home]
    out = tmp_path / ("m" if words[0] == "model" else "a.csv")
    status, said, problem = call("export", *words, *homes, "--out", out)
    assert (status, said) == (2, "")
    assert sentence in problem and problem.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_endings_and_files_that_are_there(call, given, tmp_path):
    words = ["export", "retain", *given, "--forget", FORGET, "--out"]
    assert "End the name in .csv or .parquet" in call(*words, tmp_path / "a.xlsx")[2]
    (tmp_path / "a.csv").write_text("mine")
    assert "already there" in call(*words, tmp_path / "a.csv")[2]
    assert (tmp_path / "a.csv").read_text() == "mine"
    words = ["export", "script", *given, "--out", tmp_path / "s.py", "--quiet"]
    assert "Only a run of the workspace has a script" in call(*words)[2]


def test_guarded_cells_are_said(call, tmp_path):
    table = pd.DataFrame(
        {"id": [f"=r{i}" for i in range(20)], "a": np.arange(20.0), "y": [0, 1] * 10}
    )
    table.to_csv(tmp_path / "t.csv", index=False)
    words = ["--data", tmp_path / "t.csv", "--label", "y", "--id", "id", "--forget", "a < 3"]
    _, _, notes = call("export", "forget", *words, "--out", tmp_path / "f.csv")
    assert "apostrophe" in notes and "Here 3 cells got one" in notes
    words = [*words[:-2], "--forget-ids", tmp_path / "f.csv", "--out", tmp_path / "g.json"]
    assert call("export", "forget", *words)[0] == 0
    assert forget_set.load(tmp_path / "g.json").ids == ("=r0", "=r1", "=r2")
