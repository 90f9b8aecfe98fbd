"""Pairs made elsewhere: two models of a case, of which the later is said to be rid of some records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from disgorge_core.accounting import weight_distance
from disgorge_core.auditing import Pair
from disgorge_core.errors import BadParam
from disgorge_core.jobs.references import why_no_references
from disgorge_core.jobs.standing import standing
from disgorge_core.jobs.task import Desk
from disgorge_core.jobs.tasks.disgorge import earlier_removals
from disgorge_core.jobs.uploaded import uploaded_references, usable
from disgorge_core.types import Model
from disgorge_core.words import PAIR_LIMITS, VERDICT_REASONS

PLAIN = "mean"  # the rule of a model without an output guard
SURE = ("known", "confirmed")  # standings of a recipe


def pair_of_models(desk: Desk, before: str, after: str, fid: str) -> Pair:
    """Two models of the case and a forget set, which nothing but tests speaks for; raises BadParam."""
    if before == after:
        raise BadParam(
            "Before and after are the same model.",
            "Choose the model that was made of the other one.",
        )
    first, later = desk.model(before), desk.model(after)
    if (first.task, first.classes) != (later.task, later.classes):
        raise BadParam(
            f"The models answer in different ways: {_answers(first)} before, {_answers(later)} after.",
            "Choose two models with the same classes.",
        )
    return Pair(
        before=first, after=_bare(first, later), data=desk.data, forget=desk.forget(fid),
        excluded=tuple(earlier_removals(desk, first)),
        recipe=standing(desk.cases, desk.case_id, before).key,
    )  # fmt: skip


def _bare(before: Model, after: Model) -> Model:
    """The network behind an output guard, so that tests look at the weights, where these were changed.

    A guard over unchanged weights stays: that is what the verdict "suppressed only" is about.
    """
    guarded = after.rule != PLAIN and weight_distance(before, after) != 0
    return replace(after, rule=PLAIN) if guarded else after


def _answers(model: Model) -> str:
    return f"{len(model.classes)} classes" if model.classes else "numbers"


def limits(desk: Desk, before: str, after: str, fid: str) -> tuple[str, ...]:
    """What cannot be tested of a pair, or not as well, and why: one sentence each; raises as above."""
    return tuple(_limits(desk, pair_of_models(desk, before, after, fid), after, fid))


def _limits(desk: Desk, pair: Pair, after: str, fid: str) -> Iterator[str]:
    reason = why_no_references(pair.facts())
    if reason:
        brought = uploaded_references(desk.cases, desk.case_id, fid)
        own = len(usable(brought, pair.excluded))
        yield reason
        yield PAIR_LIMITS["own references" if own else "no references"].format(count=own)
    elif pair.recipe not in SURE:
        yield VERDICT_REASONS["recipe"]
    yield PAIR_LIMITS["how unknown"]
    if desk.model(after).rule != PLAIN:
        yield PAIR_LIMITS["guard"]
    if pair.after.seen is None:
        yield PAIR_LIMITS["after unknown"]
    else:
        yield from _told(pair)


def _told(pair: Pair) -> Iterator[str]:
    """What the records speak against that the later model is said to have seen."""
    seen, before = set(pair.after.seen or ()), pair.before.seen
    kept = len(seen & set(pair.forget.ids))
    if kept:
        yield PAIR_LIMITS["saw them"].format(count=kept)
    more = len(seen - set(before)) if before is not None else 0
    if more:
        yield PAIR_LIMITS["saw more"].format(count=more)
