"""Reading without a process for each file, where a test is not about the process."""

from __future__ import annotations

import pytest

from disgorge_core.data.reading import process
from disgorge_core.data.reading.answer import answer


@pytest.fixture
def read_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers run in the test's own process, by the same code but for the system's limits."""
    monkeypatch.setattr(process, "_run", answer)
