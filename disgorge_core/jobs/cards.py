"""A model's card out of its case: the runs that it descends from, and where its recipe stands."""

from __future__ import annotations

from datetime import UTC, datetime

from disgorge_core.cases import Cases
from disgorge_core.evidence.card import Card, Removal, markdown
from disgorge_core.evidence.software import versions
from disgorge_core.jobs.standing import standing
from disgorge_core.runs import Run

STYLE = "%d %B %Y, %H:%M UTC"


def model_card(cases: Cases, case_id: str, digest: str) -> str:
    """The Markdown of a model's card."""
    case, model = cases.get(case_id), cases.model(digest)
    removals = [
        _removal(cases, run) for run in _runs(cases, case_id, {*model.lineage.parents, digest})
    ]
    return markdown(
        Card(
            case=case.name, model=model, data=cases.dataset(case.dataset), removals=removals,
            recipe=standing(cases, case_id, digest).sentence,
            written=datetime.now(UTC).strftime(STYLE), software=versions(),
        )
    )  # fmt: skip


def _runs(cases: Cases, case_id: str, family: set[str]) -> list[Run]:
    """The finished removals whose result the model is or descends from, oldest first."""
    removals = [r for r in cases.runs(case_id) if r.request.get("task") == "disgorge"]
    done = [r for r in removals if r.state == "done" and r.result().values["after"] in family]
    newest = {run.result().values["after"]: run for run in reversed(done)}  # one for each model
    return sorted(newest.values(), key=lambda run: run.id)


def _removal(cases: Cases, run: Run) -> Removal:
    values = run.result().values
    forget = cases.forget(run.case_id, values["forget"])
    ended = datetime.fromtimestamp(run.ended or 0, UTC)
    return Removal(forget, values["outcome"], ended.strftime(STYLE))
