"""Two lanes of work beside the screens: a queue of runs, and questions that are answered at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from disgorge_core.cases import Cases
from disgorge_core.jobs.dispatcher import Dispatcher
from disgorge_core.jobs.interactive import Interactive
from disgorge_core.jobs.task import QUEUE, canonical
from disgorge_core.runs import TaskResult
from disgorge_core.runs.run import CANCEL, OPEN
from disgorge_core.store import Workspace, plain_errors

WAIT = 20.0  # seconds that a question may take


class Lanes:
    """One for each server process; what it knows lies in the workspace, so it can end at any moment."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._cases = Cases(workspace)
        self._dispatcher = Dispatcher(workspace.root)
        self._interactive = Interactive(workspace.root)

    def start(self) -> None:
        """Warm the workers and go on with the runs that wait."""
        self._interactive.start()
        self._dispatcher.start()

    @property
    def dispatching(self) -> bool:
        """Whether runs are started from here; False while another server of the workspace does."""
        return self._dispatcher.dispatching

    def submit(self, case_id: str, request: Mapping[str, Any]) -> str:
        """Queue a run and give its id; raises BadParam for a wrong request, StoreError."""
        run = self._cases.queue(case_id, canonical(request, QUEUE))
        self._dispatcher.wake()
        return run.id

    def again(self, case_id: str, run_id: str) -> str:
        """Queue the same request once more and give the new run's id."""
        return self.submit(case_id, self._cases.run(case_id, run_id).request)

    def cancel(self, case_id: str, run_id: str) -> None:
        """Stop a run that waits or works; nothing happens to one that has ended."""
        run = self._cases.run(case_id, run_id)
        if run.state in OPEN:
            with plain_errors():
                (run.folder / CANCEL).touch()
            self._dispatcher.wake()

    def ask(self, case_id: str, request: Mapping[str, Any], timeout: float = WAIT) -> TaskResult:
        """Answer a question of a case; the same question again is answered from disk. NoAnswer."""
        self._cases.get(case_id)
        return self._interactive.ask(case_id, request, timeout)

    def close(self) -> None:
        """Let go of the workers; a run that is under way goes on by itself."""
        self._dispatcher.close()
        self._interactive.close()
