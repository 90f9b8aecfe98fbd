"""What each regime costs before and at a removal, on the worked examples.

    python -m benchmarks.regimes [references] [--only EXAMPLE or REGIME ...]

For every regime that an example allows (by its own architecture, else by a linear model) a model is trained
on everything, by the example's recipe or by what the regime advises in its place. The example's suggested
records are removed by the regime's own method, and models of the same regime that never saw them are trained
by other seeds. Columns:

    right      share of test records answered rightly, and the difference to a plain model of the same layers
    train      record-passes of the training, in multiples of the plain one
    keep, ask  networks' worth of numbers that are kept, forward passes for an answer
    promised   cost of the removal as the Plan page says it, as a share of one training in this regime
    measured   the same, counted from what was run
    seconds    of the removal, and of one full training
    distance   mean z² of the margins on F against the references: before, after, and one reference against
               the others (its median), as in the audit; z² is cut at 10⁶

What is printed is the table of `benchmarks/regimes.md`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from disgorge_core import metrics, training
from disgorge_core.audit.bench import Bench
from disgorge_core.audit.checks.distance import squared_of_references, standardised
from disgorge_core.disgorging import disgorge, facts_for, why_not
from disgorge_core.errors import DisgorgeError
from disgorge_core.examples.shipped import example
from disgorge_core.methods.contract import seen_by
from disgorge_core.models.prediction import logits
from disgorge_core.registry import METHODS, REGIMES
from disgorge_core.types import Array, Dataset, ForgetSet, Marks, Model, Recipe, silent

EXAMPLES = {"digits": 0, "adult": 1, "addresses": 0, "openmoji": 0}
MOST = 1e6
HEADS = (
    "regime", "right", "diff", "train", "keep", "ask", "promised", "measured", "seconds of", "full",
    "distance", "tier",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Bed:
    """One example, ready: sources without holes, and the architecture of one of its models."""

    data: Dataset
    forget: ForgetSet
    like: Model
    source: str

    @property
    def recipe(self) -> Recipe:
        """The example's own recipe."""
        assert self.like.recipe is not None
        return self.like.recipe


def bed(name: str) -> Bed:
    """An example; records without a source get the source "not stated"."""
    case = example(name)
    source = case.dataset.roles.owner or case.dataset.roles.source
    meta = case.dataset.meta.copy()
    meta[source] = meta[source].astype(object).where(meta[source].notna(), "not stated").astype(str)
    return Bed(replace(case.dataset, meta=meta), case.forget, case.models[EXAMPLES[name]], source)


def regimes(on: Bed) -> Iterator[tuple[Any, str]]:
    """Each regime that can be used, with its architecture; also by source, where it can go by a column."""
    for kind in REGIMES.values():
        names = {f.name for f in fields(kind)}
        given = {"source": on.source} if "source" in names else {}
        given |= {"core": _all_but(on)} if "core" in names else {}
        ways = [given, {**given, "by": on.source}] if "by" in names else [given]
        for way in ways if on.data.task in kind.tasks else []:
            tries = [kind(**way)]
            tries += [kind(**way, reading="fitted")] if "reading" in names else []
            kinds = (on.like.architecture, "linear")
            fits = [(r, a) for r in tries for a in kinds if r.why_not(on.data, a) is None]
            yield from fits[:1]


def _all_but(on: Bed) -> str:
    """A filter for the records whose source does not leave."""
    leaving = on.data.meta[on.source][on.forget.mask(on.data)].iloc[0]
    return f"{on.source} != {str(leaving)!r}"


def fitted(on: Bed, regime: Any, architecture: str) -> Model:
    """The model trained on everything."""
    own = on.like.architecture == architecture
    settings = dict(on.like.architecture_settings) if own else {}
    recipe = training.advised(regime, on.recipe, on.data)[0]
    return training.fit(on.data, architecture, recipe, settings=settings, regime=regime)


def right(on: Bed, model: Model) -> float:
    """Share of test records that are answered rightly."""
    x, y = on.data.arrays("test")
    return metrics.accuracy(logits(model, x), y).value


def distance(on: Bed, before: Model, after: Model, references: list[Model], gone: Array) -> str:
    """Mean z² on F: before, after, and a reference among the others."""
    rows = np.flatnonzero(gone)
    x = on.data.take(rows)
    judged = {"before": logits(before, x), "after": logits(after, x)}
    stack = np.stack([logits(model, x) for model in references])
    bench = Bench(
        data=on.data, rows=rows, sets={}, judged=judged, references=stack, twins=stack[:0], marks=Marks(),
        report=silent,
    )  # fmt: skip
    far = [float(np.minimum(standardised(bench, who) ** 2, MOST).mean()) for who in judged]
    own = float(np.median(squared_of_references(bench).mean(1)))
    return f"{far[0]:.3g} → {far[1]:.3g} ({own:.2g})"


def line(on: Bed, regime: Any, architecture: str, plain: float, count: int) -> list[str]:
    """One row of the table."""
    began = time.perf_counter()
    model = fitted(on, regime, architecture)
    full = time.perf_counter() - began
    data, facts = on.data, facts_for(model, on.data, on.forget)
    assert facts.recipe is not None
    burden, score = regime.burden(data, facts.n_train, facts.recipe), right(on, model)
    passes = burden.passes / (facts.n_train * on.recipe.epochs)
    head = [called(regime, architecture), f"{score:.1%}", f"{100 * (score - plain):+.1f}"]
    head += [f"{value:.2g}" for value in (passes, burden.storage, burden.inference)]
    method = METHODS[regime.method]()
    if reason := why_not(method, facts):
        return [*head, f"no removal: {reason}"]
    outcome = disgorge(model, data, on.forget, regime.method)
    keep = seen_by(model, data) & ~on.forget.mask(data)
    seeds = list(range(3000, 3000 + count))
    found = training.refit_many(model, data, np.repeat(keep[None], count, axis=0), seeds)
    far = distance(on, model, outcome.model, list(found.models), facts.forget)
    cost = f"{method.price(facts):.3g}", f"{outcome.cost.of_full:.3g}"
    return [*head, *cost, f"{outcome.cost.seconds:.2f}", f"{full:.2f}", far, str(outcome.tier)]


def called(regime: Any, architecture: str) -> str:
    """A row's name: the regime, its architecture, and where it goes by source or by a fitted reading."""
    said = ", by source" if getattr(regime, "by", "") else ""
    said += ", reading fitted" if getattr(regime, "reading", "") == "fitted" else ""
    return f"{regime.name} ({architecture}{said})"


def row(cells: Iterable[str]) -> None:
    """One row of Markdown, at once."""
    print(f"| {' | '.join(cells)} |", flush=True)


def table(name: str, references: int, only: set[str]) -> None:
    """The rows of one example."""
    on, plain = bed(name), {}
    train = on.data.rows("train")
    count = int(on.forget.mask(on.data)[train].sum())
    print(f"\n## {name} ({len(train):,} training records, {count:,} to go)\n")
    row(HEADS)
    row("---" for _ in HEADS)
    for regime, architecture in regimes(on):
        if only and regime.name not in only:
            continue
        if architecture not in plain:
            plain[architecture] = right(on, fitted(on, None, architecture))
        try:
            row(line(on, regime, architecture, plain[architecture], references))
        except DisgorgeError as problem:
            row([called(regime, architecture), str(problem)])


def main(references: int, names: list[str]) -> None:
    """Print the tables of these examples, of all without one."""
    only = set(names) & set(REGIMES)
    for name in [n for n in names if n in EXAMPLES] or list(EXAMPLES):
        table(name, references, only)


if __name__ == "__main__":
    given = argparse.ArgumentParser(description="What each regime costs, as a Markdown table.")
    given.add_argument("references", type=int, nargs="?", default=10)
    given.add_argument(
        "--only", nargs="+", default=[], choices=[*EXAMPLES, *REGIMES], metavar="NAME"
    )
    options = given.parse_args()
    main(options.references, options.only)
