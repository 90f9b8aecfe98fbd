"""Audit: lay the models on a bench, run the checks, and conclude.

`audit` trains the references, twins, control and placebo that it is not given; `examine` takes all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from disgorge_core.accounting import weight_distance
from disgorge_core.audit.bench import REMOVED, Bench, looked_at
from disgorge_core.audit.checks.quality import lost
from disgorge_core.audit.contract import Check, Measured
from disgorge_core.audit.ensembles import FEW
from disgorge_core.audit.ranks import joint_p
from disgorge_core.audit.verdict import Evidence, verdict
from disgorge_core.disgorging import facts_for
from disgorge_core.errors import BadParam
from disgorge_core.methods.contract import Facts
from disgorge_core.models.prediction import logits
from disgorge_core.registry import CHECKS
from disgorge_core.types import (
    Array,
    AuditReport,
    Dataset,
    Estimate,
    ForgetSet,
    Marks,
    Model,
    Progress,
    Report,
    Skipped,
    Tier,
    silent,
)
from disgorge_core.words import reservation


@dataclass(frozen=True, eq=False)
class Pair:
    """A model before and after, the dataset, and the records that were to go: made here or elsewhere.

    `tier` is what the way it was made allows to claim, `recipe` where the recipe of the original stands
    (a key of `words.RECIPES`, or "known"), `bound` the (ε, δ) of a certified model.
    """

    before: Model
    after: Model
    data: Dataset
    forget: ForgetSet
    tier: Tier = Tier.EMPIRICAL
    excluded: tuple[ForgetSet, ...] = ()
    recipe: str = "unchecked"
    bound: str = ""

    def facts(self) -> Facts:
        """Which records are to go and which stay; raises BadForgetSet."""
        return facts_for(self.before, self.data, self.forget, self.excluded)


@dataclass(frozen=True, eq=False)
class Beside:
    """The models that a pair is measured against; `placebo_set` (n,) are the records that it removed.

    `repeated` are what the method made of the first twins, twin by twin, and `repeated_placebo` what it made
    of them on the placebo set.
    """

    references: Sequence[Model] = ()
    twins: Sequence[Model] = ()
    control: Model | None = None
    placebo: Model | None = None
    placebo_set: Array | None = None
    repeated: Sequence[Model] = ()
    repeated_placebo: Sequence[Model] = ()


def examine(pair: Pair, beside: Beside, marks: Marks, report: Report = silent) -> AuditReport:
    """Run all checks that apply and conclude; raises BadParam for a check that does not exist."""
    wanted_checks(marks)
    bench, broken = lay(pair, beside, marks, report)
    return conclude(pair, replace(bench, report=report), broken, _left_out(beside, bench))


def conclude(
    pair: Pair, bench: Bench, broken: str = "", notes: tuple[str, ...] = ()
) -> AuditReport:
    """Run the checks on a laid bench; `broken` says why nothing can be measured ("" if it can)."""
    wanted, report = wanted_checks(bench.marks), bench.report
    measured: list[Measured] = []
    skipped: list[Skipped] = []
    for number, kind in enumerate(CHECKS.values()):
        check: Check = kind()
        bench = replace(bench, report=_part(report, number))
        bench.report(Progress(0.0, check.title))
        reason = why_not(check, bench, wanted, broken)
        if reason:
            skipped.append(Skipped(check.name, check.title, reason))
        else:
            measured += check.run(bench)
    found = verdict(replace(evidence(pair, bench, measured, broken), notes=notes))
    findings = tuple(one.told for one in measured)
    return AuditReport(
        found,
        findings,
        tuple(skipped),
        bench.marks,
        len(bench.references),
        len(bench.twins),
    )


def _left_out(beside: Beside, bench: Bench) -> tuple[str, ...]:
    """What is said of references whose answers are not numbers."""
    count = len(beside.references) - len(bench.references)
    return (reservation("references broken", count),) if count else ()


def _part(report: Report, number: int) -> Report:
    """A report that fills the part of the bar that belongs to one check."""
    return lambda p: report(replace(p, share=0.5 + 0.5 * (number + p.share) / len(CHECKS)))


def wanted_checks(marks: Marks) -> tuple[str, ...]:
    """The names that were asked for, () for all; raises BadParam for unknown ones and few repeats."""
    if 0 < marks.repeats < FEW:
        raise BadParam(
            f"{marks.repeats} repeats are too few.", f"Set Repeats to 0, or {FEW} or more."
        )
    names = tuple(name.strip() for name in marks.checks.split(",") if name.strip())
    unknown = [name for name in names if name not in CHECKS]
    if unknown:
        raise BadParam(f"There is no check {unknown[0]!r}.", f"Known are: {', '.join(CHECKS)}.")
    return names


def why_not(check: Check, bench: Bench, wanted: Sequence[str], broken: str) -> str | None:
    """Why a check is not run; None if it is."""
    if wanted and check.name not in wanted:
        return "It was not asked for."
    if broken:
        return broken
    if bench.task not in check.tasks:
        return f"It works for {' and '.join(check.tasks)}, and this model does {bench.task}."
    return check.why_not(bench)


# --- the bench ----------------------------------------------------------------------------------


def lay(pair: Pair, beside: Beside, marks: Marks, report: Report = silent) -> tuple[Bench, str]:
    """The bench, and why nothing can be measured on it ("" if it can).

    References and twins whose answers are not numbers are left out, a twin with what was made of it.
    """
    data, facts = pair.data, pair.facts()
    gone = np.logical_or.reduce([np.zeros(len(data), bool), *(f.mask(data) for f in pair.excluded)])
    chosen = looked_at(data, facts.forget, facts.keep, gone, marks.seed)
    rows = np.unique(np.concatenate(list(chosen.values())))
    answer = _answers(data, rows, report, _count(beside))
    models = _judged(pair, beside)
    judged = {who: answer(model) for who, model in models.items()}
    broken = _broken(judged)
    judged = {who: z for who, z in judged.items() if who in ("before", "after") or _finite(z)}
    reference_models, references = _stack(beside.references, answer, judged["before"])
    twin_models, twins, repeated, other = _of_twins(beside, answer, judged["before"])
    bench = Bench(
        data=data, rows=rows, sets={name: np.isin(rows, r) for name, r in chosen.items()},
        judged=judged, references=references, twins=twins, marks=marks,
        placebo_set=None if beside.placebo_set is None else beside.placebo_set[rows],
        models={who: models[who] for who in judged}, reference_models=reference_models,
        twin_models=twin_models, keep=facts.keep, repeated=repeated, repeated_placebo=other,
    )  # fmt: skip
    return bench, broken


def _count(beside: Beside) -> int:
    stacks = (beside.references, beside.twins, beside.repeated, beside.repeated_placebo)
    return 4 + sum(map(len, stacks))


def _judged(pair: Pair, beside: Beside) -> dict[str, Model]:
    found = {"before": pair.before, "after": pair.after}
    found |= {"control": beside.control} if beside.control else {}
    return found | ({"placebo": beside.placebo} if beside.placebo else {})


def _answers(data: Dataset, rows: Array, report: Report, count: int) -> Callable[[Model], Array]:
    records, done = data.take(rows), [0]

    def answer(model: Model) -> Array:
        report(Progress(0.5 * done[0] / count, f"Asking model {done[0] + 1} of {count}"))
        done[0] += 1
        return logits(model, records).astype(np.float32)

    return answer


def _finite(z: Array) -> bool:
    return bool(np.isfinite(z).all())


def _stack(
    models: Sequence[Model], answer: Callable[[Model], Array], like: Array
) -> tuple[list[Model], Array]:
    """The models whose answers are numbers, and these answers."""
    found = [(model, z) for model, z in ((m, answer(m)) for m in models) if _finite(z)]
    none = np.zeros((0, *like.shape), np.float32)
    return [model for model, _ in found], np.stack([z for _, z in found]) if found else none


def _of_twins(
    beside: Beside, answer: Callable[[Model], Array], like: Array
) -> tuple[list[Model], Array, Array, Array]:
    """The twins, their answers, and those of what was made of them, on the records and on the placebo."""
    stacks = [
        [answer(m) for m in some]
        for some in (beside.twins, beside.repeated, beside.repeated_placebo)
    ]
    good = [
        all(_finite(stack[k]) for stack in stacks if k < len(stack)) for k in range(len(stacks[0]))
    ]
    none = np.zeros((0, *like.shape), np.float32)
    kept = [[z for z, ok in zip(stack, good, strict=False) if ok] for stack in stacks]
    twins, repeated, other = (np.stack(own) if own else none for own in kept)
    return [m for m, ok in zip(beside.twins, good, strict=True) if ok], twins, repeated, other


def _broken(judged: dict[str, Array]) -> str:
    for who in ("before", "after"):
        bad = int((~np.isfinite(judged[who])).any(1).sum())
        if bad:
            return (
                f"The model {who} gives answers that are not numbers for {bad:,} of "
                f"{len(judged[who]):,} records. Train it again with a smaller learning rate."
            )
    return ""


# --- what the verdict rests on ------------------------------------------------------------------


def evidence(pair: Pair, bench: Bench, measured: Sequence[Measured], broken: str) -> Evidence:
    """The evidence of the deciding checks, put together."""
    every = [m.ranked for m in measured if m.ranked]
    here = [m.ranked for m in measured if m.ranked and m.finding.records == REMOVED]
    found = Evidence(
        tier=pair.tier, marks=bench.marks, references=len(bench.references),
        moved=weight_distance(pair.before, pair.after) != 0,
        answers_moved=not np.array_equal(bench.judged["before"], bench.judged["after"]),
        recipe=pair.recipe, bound=pair.bound, broken=broken,
    )  # fmt: skip
    if not every:
        return found
    return replace(
        found,
        p_before=joint_p(here, "before"), p_after=joint_p(here, "after"), p_all=joint_p(every, "after"),
        p_control=joint_p(every, "control") if "control" in bench.judged else None,
        trace_before=_of(measured, "trace", "before"), trace_after=_of(measured, "trace", "after"),
        p_relearned=_odds(measured, "relearning", "after"),
        relearned=_of(measured, "relearning", "after"),
        far_before=_far(measured, "before"), far_after=_far(measured, "after"),
        lost=lost(bench),
    )  # fmt: skip


def _of(measured: Sequence[Measured], check: str, who: str) -> Estimate | None:
    """A share of the trace, by a check that measured one."""
    shares = [m.finding for m in measured if m.finding.check == check and m.finding.unit == "share"]
    return shares[0].values[who] if shares else None


def _odds(measured: Sequence[Measured], check: str, who: str) -> float | None:
    found = [m.finding.odds for m in measured if m.finding.check == check]
    return found[0].get(who) if found else None


def _far(measured: Sequence[Measured], who: str) -> float:
    found = [
        m.finding.values[who].value
        for m in measured
        if m.finding.check == "distance" and m.finding.records == REMOVED
    ]
    return found[0] if found else 0.0
