"""What an audit measures a pair against, trained here: references, twins, control, placebo and repeats.

Seeds keep apart what must not be a copy of something else: references are from 1000 on, twins from 2000 on
(a twin with the seed of a reference would be made into that very reference by a retrain), and neither has a
seed of the models at hand. A repeat is the method on a twin, with the seed of that twin.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from itertools import count, islice

import numpy as np

from disgorge_core import training
from disgorge_core.auditing import Beside, Pair
from disgorge_core.data import forget_set
from disgorge_core.errors import Diverged
from disgorge_core.methods.contract import Facts
from disgorge_core.types import Array, ForgetSet, Marks, Model, Progress, Report

FIRST_SEED = 1000  # away from the small numbers that people choose for their own models
FIRST_TWIN = 2000
Again = Callable[
    [Model, ForgetSet, int | None, Report], Model
]  # the method, by its own seed or another
Repeat = tuple[Model, Model] | None  # on the records and on others; None where it diverged


def seeds_from(first: int, number: int, taken: Collection[int]) -> list[int]:
    """This many seeds from `first` on, none of them taken."""
    return list(islice((seed for seed in count(first) if seed not in taken), number))


def placebo_set(facts: Facts, seed: int) -> Array:
    """Bool (n,): as many random kept records as are to go, and at most half of the kept ones."""
    rows = np.flatnonzero(facts.keep)
    size = max(1, min(facts.n_forget, len(rows) // 2))
    mask = np.zeros(len(facts.data), dtype=bool)
    mask[np.random.default_rng(seed).choice(rows, size, replace=False)] = True
    return mask


def with_repeats(beside: Beside, repeats: Sequence[Repeat]) -> Beside:
    """With what was made of the first twins; twins of which nothing came stand behind the others."""
    done = [(twin, one) for twin, one in zip(beside.twins, repeats, strict=False) if one]
    rest = [twin for twin in beside.twins if all(twin is not used for used, _ in done)]
    return replace(
        beside, twins=[*(twin for twin, _ in done), *rest],
        repeated=[real for _, (real, _) in done], repeated_placebo=[other for _, (_, other) in done],
    )  # fmt: skip


def trained(
    pair: Pair, marks: Marks, again: Again | None, given: Sequence[Model] | None, taken: set[int],
    report: Report,
) -> Beside:  # fmt: skip
    """All that the marks ask for, as far as it can be trained; raises what training and the method raise.

    `given` references take the place of those that would be trained; `again` runs the method, where one is
    known; no model has a seed of `taken`.
    """
    facts = pair.facts()
    beside = Beside(given or ())
    if facts.recipe is not None and facts.model.seen is not None:
        beside = _trained(facts, marks, given, taken | {facts.recipe.seed}, report)
    if again is None:
        return beside
    removed = placebo_set(facts, marks.seed)
    other = forget_set.from_mask(pair.data, removed, "placebo", name="Placebo")
    placebo = again(pair.before, other, None, _part(report, 0.6, 0.7, "Placebo"))
    beside = replace(beside, placebo=placebo, placebo_set=removed)
    starts = beside.twins[: marks.repeats]
    shares = [0.7 + 0.3 * k / max(1, len(starts)) for k in range(len(starts) + 1)]
    repeats = [
        _repeat(twin, pair.forget, other, again, _part(report, low, high, "Repeats"))
        for twin, low, high in zip(starts, shares[:-1], shares[1:], strict=True)
    ]
    return with_repeats(beside, repeats)


def _trained(
    facts: Facts, marks: Marks, given: Sequence[Model] | None, taken: set[int], report: Report
) -> Beside:
    own = 0 if given else marks.references
    seeds = seeds_from(FIRST_SEED, own + 1, taken)
    references = _again(facts, facts.keep, seeds, _part(report, 0.0, 0.4, "References"))
    twins = seeds_from(FIRST_TWIN, max(marks.twins, marks.repeats), taken)
    return Beside(
        (*(given or ()), *references[:-1]),
        _again(facts, facts.keep | facts.forget, twins, _part(report, 0.4, 0.6, "Twins")),
        control=references[-1],
    )


def _again(facts: Facts, keep: Array, seeds: Sequence[int], report: Report) -> Sequence[Model]:
    masks = np.repeat(keep[None], len(seeds), axis=0)
    return (
        training.refit_many(facts.model, facts.data, masks, seeds, report=report).models
        if seeds
        else ()
    )


def _repeat(
    twin: Model, forget: ForgetSet, other: ForgetSet, again: Again, report: Report
) -> Repeat:
    assert twin.recipe is not None
    try:
        return (
            again(twin, forget, twin.recipe.seed, _part(report, 0.0, 0.5, "Repeats")),
            again(twin, other, twin.recipe.seed, _part(report, 0.5, 1.0, "Repeats")),
        )
    except Diverged:
        return None


def _part(report: Report, low: float, high: float, said: str) -> Report:
    return lambda p: report(Progress(low + (high - low) * p.share, said))
