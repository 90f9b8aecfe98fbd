"""What every refusal owes: one plain sentence with a remedy, little memory, and nothing left behind."""

from __future__ import annotations

import logging
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from disgorge_core.data.reading import process as data_process
from disgorge_core.data.reading.process import read_apart
from disgorge_core.errors import DisgorgeError
from disgorge_core.models.backbones import opened
from disgorge_core.models.formats import huggingface
from disgorge_core.models.loading import read_model
from disgorge_core.models.reading import process as model_process
from tests.fuzz.oracle import JARGON, LONGEST
from tests.limited.here import run_here

MB = 2**20


@dataclass(frozen=True)
class Refused:
    """The sentence, and the memory that the limited process used (0 where it was not asked)."""

    text: str
    peak: float


Refuse = Callable[[Callable[[Path], Any], Path], Refused]


@pytest.fixture
def refuse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Refuse:
    """Read a file that must be refused, and see that all else stays as it was."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    caplog.set_level(logging.INFO, "disgorge_core.limited.process")

    def read(reader: Callable[[Path], Any], path: Path) -> Refused:
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(DisgorgeError) as error:
            reader(path)
        text, said = str(error.value), re.sub(r"'[^']*'", "", str(error.value))
        assert error.value.problem.endswith(".") and error.value.remedy
        assert len(text.splitlines()) == 1 and len(text) < LONGEST
        assert not JARGON.search(said), text
        assert str(tmp_path) not in text
        assert sorted(tmp_path.rglob("*")) == before
        peaks = [
            float(m) for r in caplog.records for m in re.findall(r"took (\d+) MB", r.getMessage())
        ]
        return Refused(text, peaks[-1] if peaks else 0.0)

    return read


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limited process's work happens in the test's own process, which is faster."""
    for module in (data_process, model_process, huggingface, opened):
        monkeypatch.setattr(module, "run_apart", run_here)


def dataset(path: Path) -> Any:
    """Read a dataset's file."""
    return read_apart(path)


def model(path: Path) -> Any:
    """Read a model's file."""
    return read_model(path)
