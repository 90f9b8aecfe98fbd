"""Placebo: is the effect specific to the removed records, or does the method lower everything alike?

The method is run on as many random kept records, and the trace s of the *removed* records (see `trace`) is
taken after that, too. A method that acts on what it is told leaves their trace where it was; one that harms
the model at large lowers it whichever records are named. The effect that is specific is

    d = s(after the method on other records) - s(after the method on the records).

Over K originals each run is measured by a yardstick without the twin that it started from, whose own chance
differences it shares; the interval of the mean of d is Student's t over originals. From a single original it
is that of the difference of two models like references. Floor: differences of references. Not a test of what
is left: a method that does nothing shows d = 0, and so does one that removes all records at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from disgorge_core.audit.bench import REMOVED, Bench
from disgorge_core.audit.checks.trace import NOT_MEASURABLE, Traces, traces
from disgorge_core.audit.contract import BOTH, Measured, needs_references
from disgorge_core.audit.ensembles import left_out
from disgorge_core.metrics import mean_estimate, spread
from disgorge_core.registry import CHECKS
from disgorge_core.types import About, Array, Estimate, Finding

FEWEST = 3  # repeats that say more than a single pair
NO_PLACEBO = "It needs the method run on other records as well, and that was not done."
EFFECT = "Effect that is specific to the records"
SAYS = (
    "How much lower the trace is after the method was told these records than after it was told as many "
    "others: 0 where it makes no difference which are named, 1 where the whole trace goes only when they "
    "are. A removal should stand above the band here, not in it."
)
RUNS = (
    "The trace of the removed records before, after the method was run on them, and after it was run on as "
    "many others (placebo), over many originals."
)


@CHECKS.register
@dataclass(frozen=True)
class Placebo:
    """The trace of the removed records after the method was run on other records."""

    name, title, order, tasks, about = (
        "placebo", "The method on other records", 88, BOTH, About.PROCEDURE,
    )  # fmt: skip

    def why_not(self, bench: Bench) -> str | None:
        """A placebo, references, and a trace that can be told from chance."""
        if not _repeated(bench) and "placebo" not in bench.judged:
            return NO_PLACEBO
        return needs_references(bench) or (None if traces(bench) else NOT_MEASURABLE)

    def run(self, bench: Bench) -> Sequence[Measured]:
        """The specific effect; over many originals their traces, too."""
        if _repeated(bench):
            return [Measured(finding) for finding in _of_procedure(bench)]
        found = traces(bench)
        return [Measured(_of_model(bench, found))] if found else []


def _repeated(bench: Bench) -> bool:
    stacks = (bench.repeated, bench.repeated_placebo)
    return all(stack is not None and len(stack) >= FEWEST for stack in stacks)


def _of_model(bench: Bench, found: Traces) -> Finding:
    effect = found.judged["placebo"] - found.judged["after"]
    reach = math.sqrt(2) * found.reach(bench.marks.level)
    value = Estimate(effect, effect - reach, effect + reach, 1)
    return _effect(value, found.references, About.MODEL, SAYS)


def _of_procedure(bench: Bench) -> list[Finding]:
    each = of_originals(bench)
    floor = spread(each["references"])
    values = {who: mean_estimate(each[who]) for who in ("before", "after", "placebo")}
    says, drawn = SAYS + left_out(bench), {who: each[who] for who in values}
    effect = mean_estimate(each["placebo"] - each["after"])
    runs = Finding(
        check="placebo", measure="Trace over many originals", records=REMOVED, unit="share",
        values=values | {"references": floor}, about=About.PROCEDURE, says=RUNS, arrays=drawn,
    )  # fmt: skip
    return [_effect(effect, each["references"], About.PROCEDURE, says), runs]


def of_originals(bench: Bench) -> Mapping[str, Array]:
    """Traces (K,) before, after and after the placebo, original by original; (N,) of references.

    A twin that cannot be measured without itself (there are too few others) is left out.
    """
    stacks = {"before": bench.twins, "after": bench.repeated, "placebo": bench.repeated_placebo}
    known = {who: stack for who, stack in stacks.items() if stack is not None}
    found = []
    for k in range(min(map(len, known.values()))):
        judged = {who: stack[k] for who, stack in known.items()}
        one = traces(replace(bench, judged=judged, twins=np.delete(bench.twins, k, axis=0)))
        found += [one] if one else []
    each = {who: np.array([one.judged[who] for one in found]) for who in known}
    every = traces(bench)
    return each | {"references": every.references if every else np.zeros(1)}


def _effect(value: Estimate, references: Array, about: About, says: str) -> Finding:
    floor = spread(np.diff(references))
    return Finding(
        check="placebo", measure=EFFECT, records=REMOVED, unit="share",
        values={"after": value, "references": floor}, about=about, says=says,
    )  # fmt: skip
