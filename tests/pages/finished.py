"""A finished run in a case, made by the real task without a worker process."""

from __future__ import annotations

from typing import Any

from disgorge_core.cases import Case, Cases, Recent
from disgorge_core.jobs.task import Desk, task_of
from disgorge_core.runs import result
from disgorge_core.runs.run import RESULT, Run, new_run
from disgorge_core.types import silent


def finished_run(cases: Cases, case: Case, method: str = "retrain", **more: Any) -> Run:
    """Run the task "disgorge" on the case's first model and forget set, with three references."""
    fid = cases.forget_sets(case.id)[0][0]
    request = {
        "task": "disgorge", "model": case.models[0], "forget": fid, "method": method,
        "settings": {}, "seed": 0, "references": 3, **more,
    }  # fmt: skip
    run = new_run(cases.workspace.case(case.id), request)
    desk = Desk(cases, case.id, run.folder, silent, Recent(2, cases.workspace.model))
    result.save(run.folder / RESULT, task_of(request).run(desk))
    return run


def finished_audit(cases: Cases, case: Case, audited: Run, **marks: Any) -> Run:
    """Run the task "audit" on a finished run, with a few references and twins."""
    request = {
        "task": "audit",
        "audited": audited.id,
        "marks": {"references": 4, "twins": 3, **marks},
    }
    run = new_run(cases.workspace.case(case.id), request)
    desk = Desk(cases, case.id, run.folder, silent, Recent(2, cases.workspace.model))
    result.save(run.folder / RESULT, task_of(request).run(desk))
    return run
