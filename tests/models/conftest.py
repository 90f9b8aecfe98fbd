"""Reading without a process for each file, where a test is not about the process."""

from __future__ import annotations

import pytest

from disgorge_core.models.reading import process
from tests.limited.here import run_here


@pytest.fixture
def read_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """State dicts and folders are read in the test's own process."""
    monkeypatch.setattr(process, "run_apart", run_here)
