"""Many models that the method made, beside many that never saw the records: what both kinds of model show.

A measure of two ensembles depends on their sizes, so that value and floor are taken at equal ones. The
references are cut in two halves of n = min(K, N // 2) models, many times: the floor is half against half, the
value is n of the judged models against the same half. Its p-value uses all models: which ensemble a model is
of is drawn anew, and p = (1 + #{measure at least as large}) / (draws + 1). If both ensembles are draws of one
training this is below α with probability at most α, whatever the measure (Phipson & Smyth 2010).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from disgorge_core.audit.bench import Bench
from disgorge_core.audit.contract import needs_references
from disgorge_core.types import Array, Estimate

FEW = 20  # repeats, and references
SPLITS, DRAWS = 20, 99
SHARED_OUT = (
    " p is how often the difference would be as large if it were drawn which models are references; it is at "
    f"least {1 / (DRAWS + 1):g}."
)
NOT_REPEATED = (
    "It judges the procedure: set Repeats to 20 or more. That costs as many trainings with everything, and "
    "the method run twice on each of these originals."
)
TOO_FEW = "It judges the procedure from at least {few} repeats whose answers are numbers; there are {count}."
LEFT_OUT = " {count} of {all} repeats are left out, because their answers or their original's are no numbers."


def why_not_repeated(bench: Bench) -> str | None:
    """Why the procedure cannot be judged."""
    count = 0 if bench.repeated is None else len(bench.repeated)
    if count >= FEW:
        return needs_references(bench, FEW)
    if count or bench.marks.repeats:
        return TOO_FEW.format(few=FEW, count=count)
    return NOT_REPEATED


def left_out(bench: Bench) -> str:
    """A sentence about repeats whose answers are no numbers; "" where there are none."""
    count = bench.marks.repeats - (0 if bench.repeated is None else len(bench.repeated))
    return LEFT_OUT.format(count=count, all=bench.marks.repeats) if count > 0 else ""


@dataclass(frozen=True, eq=False)
class Split:
    """Margins (n, m) of half of the references, of others in an ensemble's place, and of the ensembles."""

    references: Array
    floor: Array
    ensembles: Mapping[str, Array]


def size_of(bench: Bench) -> int:
    """Models on each side of a comparison."""
    return min(len(bench.ensembles["after"]), len(bench.references) // 2)


def splits(bench: Bench) -> Iterator[Split]:
    """Ensembles of equal size; those with fewer models are left out."""
    rng, n = np.random.default_rng(bench.marks.seed), size_of(bench)
    references = bench.margins["references"]
    stacks = {who: stack for who, stack in bench.ensembles.items() if len(stack) >= n}
    for _ in range(SPLITS):
        order = rng.permutation(len(references))
        drawn = {who: s[rng.choice(len(s), n, replace=False)] for who, s in stacks.items()}
        yield Split(references[order[:n]], references[order[n : 2 * n]], drawn)


Measure = Callable[[Array, Array], Sequence[float]]


def shuffled_p(ours: Array, references: Array, measure: Measure, seed: int) -> list[float]:
    """The p-value of each measure of ensembles (K, k) and (N, k)."""
    rng, pool, count = np.random.default_rng(seed), np.concatenate([ours, references]), len(ours)
    own = np.array(measure(ours, references))
    larger = np.zeros(len(own))
    for _ in range(DRAWS):
        order = rng.permutation(len(pool))
        drawn = np.array(measure(pool[order[:count]], pool[order[count:]]))
        larger += drawn >= own
    return [float(p) for p in (1 + larger) / (DRAWS + 1)]


def averaged(found: Sequence[Estimate]) -> Estimate:
    """The mean of estimates and of their limits: those of many splits."""
    value, low, high = np.mean([(e.value, e.low, e.high) for e in found], axis=0)
    return Estimate(float(value), float(low), float(high), found[0].n)
