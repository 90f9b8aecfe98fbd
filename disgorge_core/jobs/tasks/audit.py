"""Audit a finished run: train what it is measured against, examine, keep the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from disgorge_core.auditing import Beside, Pair, examine, wanted_checks
from disgorge_core.controls import placebo_set, with_repeats
from disgorge_core.errors import BadParam
from disgorge_core.jobs.audits import Locked, plain_report
from disgorge_core.jobs.parts import part
from disgorge_core.jobs.placebo import Again
from disgorge_core.jobs.references import FIRST_SEED, FIRST_TWIN, references, why_no_references
from disgorge_core.jobs.standing import standing
from disgorge_core.jobs.task import QUEUE, Desk
from disgorge_core.jobs.tasks.disgorge import earlier_removals
from disgorge_core.jobs.uploaded import uploaded_references, usable
from disgorge_core.methods.contract import Facts
from disgorge_core.params import make
from disgorge_core.registry import TASKS
from disgorge_core.runs import Run, TaskResult
from disgorge_core.types import Array, Marks, Model, Report, Tier

AT_ONCE = 10  # models that are trained and kept before the next; what is kept survives a cancel
PLACEBO, REFERENCES, TWINS, REPEATS = 0.05, 0.3, 0.5, 0.9  # of the bar, where each of them ends


@TASKS.register
@dataclass(frozen=True)
class Audit:
    """Values: those of `plain_report`, "audited" (the run) with its "before", "after" and "forget", and
    "locked" and "changed" (pass marks).
    """

    audited: str
    marks: Mapping[str, Any] = field(default_factory=dict)  # empty: those locked with the run

    name = "audit"
    title = "Audit"
    lanes = (QUEUE,)

    def run(self, desk: Desk) -> TaskResult:
        """Train what is missing, lay everything on the bench, examine."""
        audited = desk.cases.run(desk.case_id, self.audited)
        if audited.request.get("task") != "disgorge" or audited.state != "done":
            raise BadParam("That run has no result to audit.", "Choose a finished run.")
        locked = Locked.of(audited)
        marks: Marks = make(Marks, self.marks or locked.marks)
        wanted_checks(marks)
        pair = pair_of(desk, audited)
        beside = _beside(desk, pair, audited, marks)
        report = examine(pair, beside, marks, part(desk.report, REPEATS, 1.0))
        values, arrays = plain_report(report)
        names = {name: audited.result().values[name] for name in ("before", "after", "forget")}
        said = {
            "audited": self.audited,
            "locked": locked.plain(),
            "changed": locked.changed(marks),
            **names,
        }
        return TaskResult(values | said, arrays)


def pair_of(desk: Desk, audited: Run) -> Pair:
    """The models of a finished run, its records, and what may be claimed for it."""
    values = audited.result().values
    before = desk.model(values["before"])
    return Pair(
        before=before, after=desk.model(values["after"]), data=desk.data,
        forget=desk.forget(values["forget"]), tier=Tier(values["outcome"]["tier"]),
        excluded=tuple(earlier_removals(desk, before)),
        recipe=standing(desk.cases, desk.case_id, values["before"]).key,
        bound=values["outcome"]["bound"],
    )  # fmt: skip


def _beside(desk: Desk, pair: Pair, audited: Run, marks: Marks) -> Beside:
    """What stands beside any pair, and what the run's method makes of other records and originals."""
    facts = pair.facts()
    removed = placebo_set(facts, marks.seed)
    again = Again(desk, facts, audited.request, pair.excluded)
    model = again.placebo(removed, part(desk.report, 0.0, PLACEBO, "Placebo"))
    found = beside(desk, pair, audited.request["forget"], {audited.request["seed"]}, marks)
    found = replace(found, placebo=model, placebo_set=removed)
    starts, report = found.twins[: marks.repeats], part(desk.report, TWINS, REPEATS)
    return with_repeats(found, again.repeats(starts, pair.forget, removed, report))


def beside(desk: Desk, pair: Pair, fid: str, taken: set[int], marks: Marks) -> Beside:
    """References, twins and control; references of the user's own alone where none can be trained.

    None has a seed of `taken`, nor that of the model's recipe.
    """
    facts = pair.facts()
    brought = usable(uploaded_references(desk.cases, desk.case_id, fid), pair.excluded)
    if why_no_references(facts) or not marks.references:
        return Beside(brought)
    taken = taken | {facts.recipe.seed if facts.recipe else 0}
    ends = (REFERENCES, TWINS) if marks.repeats else ((PLACEBO + REPEATS) / 2, REPEATS)
    said = part(desk.report, PLACEBO, ends[0], "Reference models")
    trained = _grown(desk, facts.model, facts.keep, marks.references + 1, taken, said, FIRST_SEED)
    number, said = max(marks.twins, marks.repeats), part(desk.report, *ends, "Twins")
    twins = _grown(desk, facts.model, _trained_on(facts), number, taken, said, FIRST_TWIN)
    return Beside((*trained[:-1], *brought), twins, trained[-1])


def _trained_on(facts: Facts) -> Array:
    return facts.forget | facts.keep


def _grown(
    desk: Desk, model: Model, keep: Array, number: int, taken: set[int], report: Report, first: int
) -> list[Model]:
    """This many models, trained a few at a time, so that a cancel keeps those that are done."""
    found: list[Model] = []
    for reached in [*range(AT_ONCE, number, AT_ONCE), number] if number else []:
        share = part(report, (reached - 1) // AT_ONCE * AT_ONCE / number, reached / number)
        found = references(desk, model, keep, reached, taken, share, first)
    return found
