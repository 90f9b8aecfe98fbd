"""train: the model of the library, its numbers, and what is refused before any work."""

from __future__ import annotations

import json

import numpy as np
import pytest

import disgorge_core as dg
from disgorge_core.models.prediction import logits


@pytest.fixture(scope="module")
def data(table) -> dg.Dataset:
    return dg.load_dataset(table, label="digit", id="person_id", owner="artist")


def test_it_is_the_model_of_the_library(call, given, data, tmp_path):
    out = tmp_path / "m"
    status, said, _ = call(
        "train", *given, "--architecture", "mlp", "--width", 8, "--epochs", 3, "--lr", "0.1",
        "--out", out, "--json",
    )  # fmt: skip
    assert status == 0
    found = json.loads(said)
    wanted = dg.fit(data, "mlp", dg.Recipe(epochs=3, lr=0.1), settings={"width": 8})
    assert found["digest"] == wanted.digest == dg.load_model(out, data).digest
    assert found["parameters"] == sum(p.numel() for p in wanted.network.parameters())
    rows = data.rows("test")
    right = (logits(wanted, data.take(rows)).argmax(1) == data.y[rows]).mean()
    assert found["splits"]["test"]["value"] == pytest.approx(right)
    assert found["splits"]["test"]["n"] == len(rows)


def test_people_read_the_same_numbers(call, given, tmp_path):
    words = ["train", *given, "--epochs", 2, "--split-seed", 4]
    _, said, notes = call(*words, "--out", tmp_path / "a")
    numbers = json.loads(call(*words, "--out", tmp_path / "b", "--json")[1])["splits"]["test"]
    assert f"test:       {100 * numbers['value']:.1f} % right" in said
    assert "Training: 100%" in notes
    assert call(*words, "--out", tmp_path / "c", "--quiet")[2] == ""


def test_shards_and_closed_forms(call, given, data, tmp_path):
    words = ["--regime-shards", 3, "--regime-seed", 1, "--epochs", 1, "--json"]
    sharded = json.loads(call("train", *given, "--out", tmp_path / "a", *words)[1])
    wanted = dg.fit(data, "mlp", dg.Recipe(epochs=1), regime=dg.Sharded(3, 1))
    assert sharded["digest"] == wanted.digest
    words = ["--architecture", "ridge", "--blocks", 4, "--l2", 0.1, "--out", tmp_path / "b"]
    assert call("train", *given, *words)[0] == 0
    ridge = dg.load_model(tmp_path / "b", data)
    assert ridge.regime == "closed form" and np.isfinite(logits(ridge, data.x)).all()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--epochs", "0"], "Epochs is 0. It must lie between 1"),
        (["--epochs", "many"], "Epochs is 'many'. It must be a int."),
        (["--lr", "nan"], "Learning rate is nan"),
        (["--optimiser", "magic"], "Optimiser cannot be 'magic'"),
        (["--width", "0"], "Width is 0"),
        (["--architecture", "mpl"], "There is no architecture named 'mpl'. Known are: linear"),
        (["--architecture", "cnn"], "is not made for classification of tables"),
        (["--label", "digits"], "There is no column 'digits'. There is: digit"),
        (["--data", "nowhere.csv"], "There is no such file"),
        (["--epoch", "3"], "Unrecognized arguments: --epoch 3. See python -m disgorge_core"),
        (["--lr", "80", "--epochs", "20"], "became infinite"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(call, given, tmp_path, words, sentence):
    status, said, problem = call("train", *given, "--out", tmp_path / "m", "--quiet", *words)
    assert (status, said) == (2, "")
    assert sentence in problem and problem.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_stays(call, given, tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "mine.txt").write_text("mine")
    status, _, problem = call("train", *given, "--out", tmp_path / "m")
    assert status == 2 and "already there. Choose another name." in problem
    assert "Training" not in problem  # seen before the work, not after it
    assert [p.name for p in (tmp_path / "m").iterdir()] == ["mine.txt"]
