"""What an audit will run where no references are trained: told before it starts, by the checks themselves."""

from __future__ import annotations

from dataclasses import dataclass, replace

from disgorge_core.auditing import Beside, Pair, lay, wanted_checks, why_not
from disgorge_core.jobs.task import Desk
from disgorge_core.jobs.uploaded import uploaded_references, usable
from disgorge_core.registry import CHECKS
from disgorge_core.types import Marks, Skipped


@dataclass(frozen=True)
class Foreseen:
    """Titles of the checks that remain, those that do not with the reason, and how many references there are.

    The references are those that the user brought.
    """

    remain: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    references: int


def without_training(
    desk: Desk, pair: Pair, fid: str, marks: Marks, placebo: bool = False
) -> Foreseen:
    """Which checks remain of a pair; `placebo` says that its method will be run on other records as well."""
    brought = usable(uploaded_references(desk.cases, desk.case_id, fid), pair.excluded)
    stands_in = (
        pair.after if placebo else None
    )  # whether there is one counts here, not what it answers
    none = replace(marks, references=0, twins=0, repeats=0)
    bench, broken = lay(pair, Beside(brought, placebo=stands_in), none)
    reasons = {
        kind: why_not(kind(), bench, wanted_checks(marks), broken) for kind in CHECKS.values()
    }
    return Foreseen(
        tuple(kind.title for kind, reason in reasons.items() if reason is None),
        tuple(Skipped(k.name, k.title, reason) for k, reason in reasons.items() if reason),
        len(bench.references),
    )
