"""A user's own table, a model trained from it by the command line, and calls in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits

from disgorge_core.__main__ import main

Call = Callable[..., tuple[int, str, str]]
FORGET = "artist == 'Artist 07'"


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Digits 0, 1, 2 as a user's CSV."""
    bunch = load_digits(n_class=3)
    frame = pd.DataFrame(bunch.data[:300, 18:30]).rename(columns=lambda c: f"p{c}")
    frame["person_id"] = [f"r{row:03d}" for row in range(len(frame))]
    frame["artist"] = [f"Artist {row % 9:02d}" for row in range(len(frame))]
    frame["digit"] = np.array(["zero", "one", "two"])[bunch.target[:300]]
    path = tmp_path_factory.mktemp("user") / "people.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def given(table: Path) -> list[str]:
    """The flags that name the data."""
    return ["--data", str(table), "--label", "digit", "--id", "person_id", "--owner", "artist"]


@pytest.fixture(scope="session")
def model(given: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's folder, made by `train`."""
    path = tmp_path_factory.mktemp("models") / "model"
    words = ["train", *given, "--epochs", "4", "--width", "8", "--out", str(path), "--quiet"]
    assert main(words) == 0
    return path


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command here: exit status, standard output, standard error."""

    def called(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main([str(word) for word in words])
        said = capsys.readouterr()
        return status, said.out, said.err

    return called
