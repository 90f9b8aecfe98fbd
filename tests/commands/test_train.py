"""train: the model of the library, its numbers, and what is refused before any work."""

from __future__ import annotations

import inspect
import json
import re

import numpy as np
import pandas as pd
import pytest

import disgorge_core as dg
from disgorge_core.commands.given import PARTS
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
    words = [
        "--regime",
        "sharded",
        "--regime-shards",
        3,
        "--regime-seed",
        1,
        "--epochs",
        1,
        "--json",
    ]
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


def test_every_part_that_data_can_have_is_a_flag():
    known = inspect.signature(dg.load_dataset).parameters
    parts = {name for name, p in known.items() if p.annotation == "str | None"} - {"name", "task"}
    assert parts == set(PARTS)
    others = {"path", "name", "task", "seed", "group", "ignore", "size", "limit"}
    assert set(known) - parts == others


def test_ignored_columns_are_not_learnt_from(call, given, data, tmp_path):
    names = [str(name) for name in data.x.columns]
    words = ["--epochs", 1, "--ignore", *names[:2]]
    assert call("train", *given, "--out", tmp_path / "m", *words)[0] == 0
    seen = [column.name for column in dg.load_model(tmp_path / "m", data).preprocessing.columns]
    assert seen == names[2:]


def test_texts_and_drawn_splits(call, tmp_path):
    words = {"yes": "good kind warm", "no": "bad cold grim"}
    rows = [f"{words[k]} day {i},{k},{i % 12}" for i in range(60) for k in words]
    (tmp_path / "t.csv").write_text("\n".join(["said,mood,who", *rows]))
    given = ["--data", tmp_path / "t.csv", "--text", "said", "--label", "mood", "--owner", "who"]
    words = ["--architecture", "text_mean", "--epochs", 12, "--group", "owner"]
    status, said, _ = call("train", *given, *words, "--out", tmp_path / "m", "--json")
    assert status == 0 and json.loads(said)["splits"]["test"]["value"] == 1
    assert call("export", "retain", *given, "--group", "owner", "--forget", "who == 3",
                "--out", tmp_path / "r.parquet")[0] == 0  # fmt: skip
    table = pd.read_parquet(tmp_path / "r.parquet")
    assert table.groupby("who")["split"].nunique().max() == 1
    assert 3 not in set(table["who"]) and table["said"].str.contains("day").all()


def test_a_private_training_says_which_recipe_suits_it(call, given, tmp_path):
    words = ["train", *given, "--regime", "dp_sgd", "--epochs", 60]
    notes = call(*words, "--lr", 0.1, "--out", tmp_path / "a")[2]
    flags = re.search(r"advises (--lr \S+ --batch \d+ --momentum 0)", notes)
    assert flags
    again = call(*words, *flags.group(1).split(), "--out", tmp_path / "b")[2]
    assert "advises" not in again
