"""disgorge: the library's model and numbers, whole folders, weights that come and go as a file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import disgorge_core as dg
from disgorge_core.comparison import overview
from disgorge_core.data import forget_set
from disgorge_core.models.prediction import logits
from disgorge_core.registry import METHODS
from tests.commands.conftest import FORGET


@pytest.fixture(scope="module")
def data(table) -> dg.Dataset:
    return dg.load_dataset(table, label="digit", id="person_id", owner="artist")


@pytest.fixture
def asked(given, model) -> list[object]:
    return ["disgorge", *given, "--model", model, "--json"]


def test_folder_numbers_and_report_are_those_of_the_library(call, asked, data, model, tmp_path):
    out, page = tmp_path / "out", tmp_path / "report.html"
    status, said, _ = call(
        *asked, "--forget", FORGET, "--method", "retrain", "--seed", 3, "--references", 2,
        "--out", out, "--report", page, "--reason", "asked <for>", "--author", "Ada",
    )  # fmt: skip
    assert status == 0
    found = json.loads(said)
    before, forget = dg.load_model(model, data), dg.ForgetSet.where(data, FORGET)
    outcome = dg.disgorge(before, data, forget, "retrain", seed=3)
    keep = np.stack([~forget.mask(data)] * 2)
    beside = dg.refit_many(before, data, keep, seeds=[1000, 1001]).models
    c = dg.compare(before, outcome.model, data, forget.mask(data), beside)
    assert found["after"] == outcome.model.digest == dg.load_model(out / "model", data).digest
    assert found["claim"] == outcome.claim and found["tier"] == "rebuilt"
    for got, wanted in zip(found["scores"], overview(c, data).to_dict("records"), strict=True):
        assert got == pytest.approx(wanted)
    table = pd.read_parquet(out / "records.parquet")
    assert table["id"].tolist() == data.ids.tolist()
    answers = np.array(data.classes)[logits(outcome.model, data.x).argmax(1)]
    assert table["predicted after"].tolist() == answers.tolist()
    kept = forget_set.load(out / "forget.json")
    assert (kept.ids, kept.author, kept.reason) == (forget.ids, "Ada", "asked <for>")
    assert json.loads((out / "outcome.json").read_text())["after"] == found["after"]
    assert outcome.claim in page.read_text() and "asked &lt;for&gt;" in page.read_text()


def test_settings_of_the_method(call, asked, data, model, tmp_path):
    words = ["--forget", FORGET, "--method", "finetune", "--epochs", 2, "--lr", 0.02]
    found = json.loads(call(*asked, *words, "--out", tmp_path / "out")[1])
    before, forget = dg.load_model(model, data), dg.ForgetSet.where(data, FORGET)
    wanted = dg.disgorge(before, data, forget, "finetune", epochs=2, lr=0.02)
    assert found["after"] == wanted.model.digest
    assert found["settings"] == dict(wanted.settings)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "forget.json", "model", "outcome.json", "records.parquet",
    ]  # fmt: skip


def test_ids_come_in_every_shape(call, asked, tmp_path):
    ids = ["r001", "r007", "r017"]
    (tmp_path / "a.txt").write_text("\n".join(ids))
    (tmp_path / "a.csv").write_text("note,id\n" + "".join(f"x,{name}\n" for name in ids))
    (tmp_path / "a.json").write_text(json.dumps(ids))
    words = ["--method", "finetune", "--epochs", 1]
    digests = set()
    for suffix in ("txt", "csv", "json"):
        out = tmp_path / suffix
        given = ["--forget-ids", tmp_path / f"a.{suffix}", "--out", out]
        digests.add(json.loads(call(*asked, *words, *given)[1])["forget"]["digest"])
    assert len(digests) == 1
    kept = tmp_path / "txt" / "forget.json"  # and as it was written
    given = ["--forget-ids", kept, "--out", tmp_path / "again"]
    assert json.loads(call(*asked, *words, *given)[1])["forget"]["digest"] in digests


def test_a_second_request_names_the_first(call, given, asked, tmp_path):
    words = ["--method", "finetune", "--epochs", 1, "--json", "--quiet"]
    assert call(*asked, *words, "--forget", FORGET, "--out", tmp_path / "a")[0] == 0
    second = ["disgorge", *given, "--model", tmp_path / "a" / "model", *words]
    second += ["--forget", "artist == 'Artist 01'", "--out", tmp_path / "b"]
    status, _, problem = call(*second)
    assert status == 2 and "earlier removals" in problem
    status, said, _ = call(*second, "--earlier", tmp_path / "a" / "forget.json")
    assert status == 0
    removed = next(r for r in json.loads(said)["scores"] if r["set"] == "Kept records")
    table = pd.read_parquet(tmp_path / "b" / "records.parquet")
    assert removed["n"] == (table["set"] == "Kept records").sum()
    assert "Removed earlier" in set(table["set"])


@pytest.fixture
def weights(data: dg.Dataset, tmp_path: Path) -> Path:
    """A user's own network: a state dict of a plain linear model, in PyTorch's format."""
    net = torch.nn.Sequential(torch.nn.Linear(12, 3))
    with torch.no_grad():
        x = torch.tensor(data.x.to_numpy(np.float32)) / 16
        net[0].weight.copy_(torch.stack([x[data.y == k].mean(0) for k in range(3)]))
        net[0].bias.copy_(-0.5 * (net[0].weight ** 2).sum(1))
    path = tmp_path / "net.pt"
    torch.save(net.state_dict(), path)
    return path


def test_weights_come_and_go_as_a_file(call, given, data, weights, tmp_path):
    words = ["disgorge", *given, "--model", weights, "--preprocessing", "raw", "--json", "--quiet"]
    words += ["--trained-on", "train", "--recipe-epochs", 2, "--recipe-l2", 0.01]
    words += ["--forget", FORGET, "--method", "retrain", "--out", tmp_path / "out"]
    status, said, _ = call(*words)
    assert status == 0
    state = torch.load(tmp_path / "out" / "model.pt", weights_only=True)
    assert list(state) == ["0.weight", "0.bias"]
    model = dg.load_model(weights, data, preprocessing="raw", trained_on="train",
                          recipe=dg.Recipe(epochs=2, l2=0.01))  # fmt: skip
    wanted = dg.disgorge(model, data, dg.ForgetSet.where(data, FORGET), "retrain").model
    assert torch.equal(state["0.weight"], wanted.network.state_dict()["0.weight"])
    assert json.loads(said)["after"] == wanted.digest


def test_a_pipeline_comes_and_goes_as_a_file(call, given, data, tmp_path):
    words = ["--architecture", "ridge", "--l2", "0.01", "--out", tmp_path / "ridge", "--quiet"]
    assert call("train", *given, *words)[0] == 0
    skops = tmp_path / "ridge.skops"
    words = ["--model", tmp_path / "ridge", "--out", skops, "--quiet"]
    assert call("export", "weights", *given, *words)[0] == 0
    words = ["disgorge", *given, "--model", skops, "--trained-on", "train", "--forget", FORGET]
    status, _, problem = call(*words, "--method", "retrain", "--out", tmp_path / "out", "--quiet")
    assert status == 0, problem
    again = dg.load_model(tmp_path / "out" / "model.skops", data, trained_on="train")
    kept = dg.load_model(tmp_path / "out" / "model", data)
    np.testing.assert_allclose(logits(again, data.x), logits(kept, data.x), rtol=1e-4, atol=1e-5)


def test_what_is_not_known_is_asked_for(call, given, model, weights, tmp_path):
    words = ["disgorge", *given, "--model", weights, "--forget", FORGET, "--out", tmp_path / "o"]
    status, _, said = call(*words)
    assert status == 2 and "Retrain without the records needs the recipe" in said
    assert "--recipe-epochs" in said and "was assumed" in said  # the preprocessing
    status, _, said = call(*words, "--method", "guard", "--references", 2)
    assert status == 2 and "A reference model needs the recipe" in said
    status, _, said = call(*words, "--classes", "two", "one", "none")
    assert status == 2 and "classes are not the dataset's" in said
    status, _, said = call(*[model if word == weights else word for word in words],
                           "--recipe-epochs", 3)  # fmt: skip
    assert status == 2 and "says itself how its model was made. Leave out: recipe." in said
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--forget", "artist = 3"], "Write == to compare"),
        (["--forget", "artist == 'Nobody'"], "The forget set is empty"),
        (["--forget-ids", "nowhere.txt"], "no such file of ids"),
        (["--forget", FORGET, "--method", "newtn"], "There is no method named 'newtn'"),
        (["--forget", FORGET, "--method", "sisa"], "not trained in shards"),
        (["--forget", FORGET, "--step", "1"], "Unrecognized arguments: --step 1"),
        (["--forget", FORGET, "--method", "newton", "--step", "9"], "Step is 9.0"),
        (["--forget", FORGET, "--report", "r.pdf"], "End the name in .html"),
        (["--forget", FORGET, "--references", "x"], "Argument --references: invalid int"),
        ([], "No records were named"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(call, asked, tmp_path, words, sentence):
    status, said, problem = call(*asked, "--out", tmp_path / "out", "--quiet", *words)
    assert (status, said) == (2, "")
    assert sentence in problem and problem.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_worked_example_brings_everything(call, tmp_path):
    words = ["--example", "digits", "--method", "guard", "--out", tmp_path / "o", "--json"]
    status, said, _ = call("disgorge", *words)
    example = dg.example("digits")
    assert status == 0
    assert json.loads(said)["forget"]["digest"] == example.forget.digest
    assert json.loads(said)["before"] == example.model.digest
    status, _, problem = call("disgorge", *words, "--model", example.model.name)
    assert status == 2 and "already there" in problem


@pytest.mark.parametrize("method", list(METHODS))
def test_help_of_a_method_shows_its_own_settings(capsys, method):
    from disgorge_core.__main__ import main
    from disgorge_core.params import params_of

    with pytest.raises(SystemExit) as ended:
        main(["disgorge", "--method", method, "--help"])
    said = capsys.readouterr().out
    assert ended.value.code == 0
    for p in params_of(METHODS[method]):
        assert f"--{p.name.replace('_', '-')}" in said
        assert " ".join(p.help.split()[:3]) in " ".join(said.split())
