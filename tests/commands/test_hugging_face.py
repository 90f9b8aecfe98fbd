"""The command line on a Hugging Face folder: opened beside texts, and given back as one."""

from __future__ import annotations

import zipfile

import numpy as np
import pandas as pd
import pytest

import disgorge_core as dg
from disgorge_core.models.loading import load_model
from tests import tiny_models
from tests.training.small_texts import texts


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    folder = tmp_path_factory.mktemp("given")
    data = texts(60)
    told = np.where(data.y == 1, "farm", "sea")
    frame = pd.DataFrame(
        {"story": data.x["story"], "kind": told, "split": np.resize(["train", "train", "test"], 60)}
    )
    frame.to_json(folder / "stories.jsonl", orient="records", lines=True)
    tiny_models.bert(folder / "bert", list(frame["story"]), data.y, data.classes)
    return folder


def test_a_removal_gives_the_folder_back(call, given, tmp_path):
    about = [
        "--data",
        given / "stories.jsonl",
        "--label",
        "kind",
        "--text",
        "story",
        "--split",
        "split",
    ]
    packed = tmp_path / "bert.zip"
    with zipfile.ZipFile(packed, "w") as out:
        for path in (given / "bert").iterdir():
            out.write(path, path.name)
    status, _, err = call(
        "disgorge", *about, "--model", packed, "--trained-on", "train", "--recipe-epochs", 3,
        "--recipe-lr", 0.1, "--forget", "contains(story, 'captain')", "--references", 1,
        "--out", tmp_path / "out", "--quiet",
    )  # fmt: skip
    assert status == 0, err
    with zipfile.ZipFile(tmp_path / "out" / "model.zip") as found:
        found.extractall(tmp_path / "back")
    data = dg.load_dataset(given / "stories.jsonl", label="kind", text="story", split="split")
    after = dg.load_model(tmp_path / "out" / "model", data)
    again = load_model(tmp_path / "back" / "model", data)
    assert np.allclose(dg.predict(again, data.x), dg.predict(after, data.x), atol=1e-5)
    before = load_model(given / "bert", data)
    assert np.abs(dg.predict(before, data.x) - dg.predict(after, data.x)).max() > 0.01
