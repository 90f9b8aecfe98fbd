"""Noise floors by number of references: how fine an audit can measure with 20, 50 or 100 of them.

    python -m benchmarks.floors [world]

References are drawn from one pool, several times for each number, and the median over draws is printed:

    smallest p     1 / (N + 1)
    distance       mean z² of references among themselves on the removed records: the middle 95 %
    trace          half the width of the interval of one model, as a share of the trace (5 % on each side)
    KLoM           mean over removed records of N / 2 honest models against as many references, nats

The first three are those of an audit of one model, the last is that of a procedure with N / 2 repeats.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np

from benchmarks.auditor import World, worlds
from disgorge_core.audit.bench import REMOVED, Bench
from disgorge_core.audit.checks.distance import Distance
from disgorge_core.audit.checks.klom import Klom
from disgorge_core.audit.checks.trace import traces
from disgorge_core.auditing import Beside, Pair, lay
from disgorge_core.data.forget_set import from_mask
from disgorge_core.types import Finding, Marks

NUMBERS, TWINS, POOL, DRAWS = (20, 50, 100), 20, 200, 5
HEAD = ("references", "smallest p", "distance", "", "trace +-", "KLoM")


def laid(world: World) -> Bench:
    """All models of the pool on one bench; the model after is one that never saw the records."""
    kept = world.fit(world.train & ~world.forget, range(1000, 1000 + POOL + 1))
    twins = world.fit(world.train, range(3000, 3000 + TWINS))
    removed = from_mask(world.data, world.forget, "query", name="F")
    pair = Pair(world.model, kept[0], world.data, removed, recipe="confirmed")
    return lay(pair, Beside(kept[1:], twins), Marks(references=POOL, twins=TWINS))[0]


def floors(bench: Bench, number: int, draw: int) -> tuple[float, ...]:
    """Distance from and to, the reach of the trace, and KLoM, of so many references."""
    order = np.random.default_rng(draw).permutation(len(bench.references))
    drawn = order[:number]
    some = replace(
        bench, references=bench.references[drawn], repeated=bench.references[order[number:]][:number],
        reference_models=[bench.reference_models[i] for i in drawn], marks=replace(bench.marks, seed=draw),
    )  # fmt: skip
    found = traces(some)
    far = _on_removed(Distance(), some).values["references"]
    klom = _on_removed(Klom(), some).values["references"]
    reach = found.reach(some.marks.level) if found else float("nan")
    return far.low, far.high, reach, klom.value


def _on_removed(check: Distance | Klom, bench: Bench) -> Finding:
    found = (one.finding for one in check.run(bench))
    return next(finding for finding in found if finding.records == REMOVED)


def main() -> None:
    """Print the table."""
    bench = laid(worlds()[sys.argv[1] if len(sys.argv) > 1 else "digits-mislabelled/wrong"]())
    print(" ".join(f"{name:>10}" for name in HEAD))
    for number in NUMBERS:
        low, high, reach, klom = np.median(
            [floors(bench, number, draw) for draw in range(DRAWS)], axis=0
        )
        cells = (number, 1 / (number + 1), low, high, reach, klom)
        print(" ".join(f"{cell:>10.3g}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
