"""Answers of the interactive lane, worked out in the test's own process: no worker has to start."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from disgorge_core.cases import Recent
from disgorge_core.jobs import Lanes
from disgorge_core.jobs.task import Desk, canonical, task_of
from disgorge_core.runs import TaskResult
from disgorge_core.types import silent
from pages.common import questions


def answer_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the lanes' worker; questions, tasks and results stay what they are."""

    def ask(
        self: Lanes, case_id: str, request: Mapping[str, Any], timeout: float = 0
    ) -> TaskResult:
        recent = Recent(4, self._cases.workspace.model)
        task = task_of(canonical(request, "interactive"))
        return task.run(Desk(self._cases, case_id, Path(), silent, recent))

    monkeypatch.setattr(Lanes, "start", lambda self: None)
    monkeypatch.setattr(Lanes, "ask", ask)
    monkeypatch.setattr(questions, "AT_ONCE", 60.0)
