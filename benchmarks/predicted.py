"""What influence predicts of a removal, against really removing: many forget sets of each example.

    python -m benchmarks.predicted [seeds] [example or example:model ...]

For each example at least twenty sets of varied kinds leave the training data: random ones of several sizes,
owners, a part of a class, the nearest neighbours of a test record, and those that its story is about. Each is
really removed, by the same seeds that also train with everything: measured is the mean over seeds of
"without" minus "with", seed by seed. Predicted is asked of the first model with everything: once by the step
of all records together (predicted_change), once by the sum of the records' scores (Scores.of). No number
is drawn from the measured ones.

    over sets      rank correlation over the sets of the mean change of the test margins, of test accuracy,
                   and of the mean change of the set's own margins, each with its interval and ceiling
    over records   rank correlation over test records within a set: median and quartiles over sets
    ceiling        what a perfect estimate could reach there at this number of seeds (median over sets)
    page           the same as the page sees it: mean of "without" minus the one model that was asked
    factor         measured change of one predicted unit (least squares over test records; median over sets)

What is printed is the table of `benchmarks/predicted.md`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch

from disgorge_core import features, metrics
from disgorge_core.examples.shipped import Planned, example
from disgorge_core.foresight import ceiling, factor, rank_correlation
from disgorge_core.influence.contract import scores_of
from disgorge_core.influence.curved import matrix_of
from disgorge_core.influence.ekfac import EkFacInfluence
from disgorge_core.registry import EXAMPLES
from disgorge_core.training import fit_many
from disgorge_core.types import Array, Dataset, ForgetSet, Model

DEFAULT = ("digits", "digits-mislabelled", "adult:adult-ridge", "adult:adult-logistic")
QUERIES, OWN = 1_000, 40  # test records asked, and records of each set
AT_ONCE = 8  # sets whose models are trained together
SIZES = (0.002, 0.01, 0.03, 0.1)  # shares of the training data that random sets have
ESTIMATOR = EkFacInfluence()
RANKS = ("margin", "accuracy", "own")


@dataclass(frozen=True, eq=False)
class Gone:
    """One forget set: its kind, and which records (n,) leave."""

    kind: str
    mask: Array


@dataclass(eq=False)
class Told:
    """What one estimator said, and how it held: one number a set."""

    name: str
    means: dict[str, list[float]] = field(default_factory=lambda: {k: [] for k in RANKS})
    ranks: list[float] = field(default_factory=list)
    page: list[float] = field(default_factory=list)
    factors: list[float] = field(default_factory=list)


def sets_of(data: Dataset, model: Model, suggested: tuple[ForgetSet, ...]) -> list[Gone]:
    """At least 20 sets of five kinds: of two records or more, and of a third of all at most."""
    rng, train = np.random.default_rng(0), data.rows("train")
    found = [Gone("story", forget.mask(data)) for forget in suggested]
    for share in SIZES:
        for _ in range(3):
            found.append(_gone("random", data, rng.permutation(train)[: round(share * len(train))]))
    found += _owners(data, train)
    for code in rng.permutation(len(data.classes))[:4]:
        own = rng.permutation(train[data.y[train] == code])
        found.append(_gone("class part", data, own[: len(own) // 2]))
    z = features.activations(model, data.x)
    for row in rng.permutation(data.rows("test"))[:5]:
        near = train[np.argsort(((z[train] - z[row]) ** 2).sum(1), kind="stable")]
        found.append(_gone("neighbours", data, near[: max(10, len(train) // 50)]))
    once = {g.mask.tobytes(): g for g in reversed(found)}  # a source may be the story's set itself
    return [g for g in reversed(once.values()) if 2 <= g.mask[train].sum() <= len(train) / 3]


def _owners(data: Dataset, train: Array) -> list[Gone]:
    column = data.roles.owner or data.roles.source
    if not column:
        return []
    names = data.meta[column].astype("string").fillna("(none)").to_numpy()
    counts = {n: int((names[train] == n).sum()) for n in dict.fromkeys(names[train])}
    fit = sorted((n for n in counts if counts[n] <= len(train) / 3), key=lambda n: -counts[n])
    spread = [fit[i] for i in np.unique(np.linspace(0, len(fit) - 1, 5).astype(int))]
    return [_gone("owner", data, train[names[train] == name]) for name in spread]


def _gone(kind: str, data: Dataset, rows: Array) -> Gone:
    mask = np.zeros(len(data), dtype=bool)
    mask[rows] = True
    return Gone(kind, mask)


@dataclass(frozen=True, eq=False)
class Bed:
    """One example's model: the sets, and margins and answers of every training on the rows asked."""

    data: Dataset
    model: Model  # the one that is asked
    gone: list[Gone]
    rows: Array  # asked: test records first, then some of each set
    test: int  # how many of them are test records
    logits: Array  # (1 + sets, seeds, rows, c), the first with everything

    def own(self, gone: Gone) -> Array:
        """Places in `rows` (k,) of what was asked of a set's own records."""
        return self.test + np.flatnonzero(gone.mask[self.rows[self.test :]])

    def margins(self, k: int) -> Array:
        """Margins (seeds, rows) of the k-th trainings, 0 for those with everything."""
        y = self.data.y[self.rows]
        return np.stack([metrics.margins(z, y) for z in self.logits[k]])


def bed(name: str, planned: Planned, seeds: int) -> Bed:
    """Train with everything and without each set, by the same seeds."""
    found = example(name)
    data = found.dataset
    numbers = [planned.recipe.seed + s for s in range(seeds)]
    shipped = next(
        m for m, p in zip(found.models, EXAMPLES[name].models, strict=True) if p == planned
    )
    gone = sets_of(data, shipped, found.forgets)
    test = data.rows("test")
    test = test[np.linspace(0, len(test) - 1, min(QUERIES, len(test))).astype(int)]
    rng = np.random.default_rng(1)
    inside = [rng.permutation(np.flatnonzero(g.mask & (data.split == 0)))[:OWN] for g in gone]
    rows = np.concatenate([test, np.unique(np.concatenate(inside))])
    masks = np.stack([np.ones(len(data), bool), *(~g.mask for g in gone)])
    parts, asked = [], None
    for start in range(0, len(masks), AT_ONCE):  # only the answers of so many are held at once
        some = masks[start : start + AT_ONCE]
        stack = fit_many(
            data, planned.architecture, planned.recipe, np.repeat(some, seeds, 0), numbers * len(some),
            settings=planned.settings, workers=1,
        )  # fmt: skip
        asked = asked or stack.models[0]
        z = stack.logits(data.take(rows))
        parts.append(z.reshape(len(some), seeds, *z.shape[1:]))
    assert asked is not None
    return Bed(data, asked, gone, rows, len(test), np.concatenate(parts))


def told(b: Bed) -> tuple[list[Told], float]:
    """Both ways of predicting held against all sets, and the seconds that they took."""
    started = time.process_time()
    train = b.data.rows("train")
    bend = ESTIMATOR.curvature(b.model, b.data, train)
    steps = [
        ESTIMATOR.predicted_change(b.model, b.data, g.mask, b.rows, curvature=bend) for g in b.gone
    ]
    matrix = matrix_of(b.model, b.data, train, b.rows, bend)
    scores = scores_of(matrix, b.data, train, b.rows, unit="nats", estimator="ekfac", passes=0.0)
    names = b.data.ids.astype(str)
    sums = [-scores.matrix[np.isin(scores.train_ids, names[g.mask])].sum(0) for g in b.gone]
    spent = time.process_time() - started
    step, added = Told("step"), Told("sum")
    now, y = b.logits[0, 0], b.data.y[b.rows]
    for k, change in enumerate(steps):
        moved = metrics.margins(now + change, y) - metrics.margins(now, y)
        right = metrics.accuracy((now + change)[: b.test], y[: b.test]).value
        _hold(step, b, k, moved, right - metrics.accuracy(now[: b.test], y[: b.test]).value)
        _hold(added, b, k, sums[k], np.nan)
    return [step, added], spent


def _hold(to: Told, b: Bed, k: int, predicted: Array, accuracy: float) -> None:
    apart = (b.margins(k + 1) - b.margins(0))[:, : b.test].mean(0)
    page = b.margins(k + 1)[:, : b.test].mean(0) - b.margins(0)[0, : b.test]
    to.ranks.append(rank_correlation(predicted[: b.test], apart).value)
    to.page.append(rank_correlation(predicted[: b.test], page).value)
    to.factors.append(factor(predicted[: b.test], apart))
    to.means["margin"].append(float(predicted[: b.test].mean()))
    to.means["accuracy"].append(accuracy)
    to.means["own"].append(float(predicted[b.own(b.gone[k])].mean()))


@dataclass(frozen=True, eq=False)
class Real:
    """What really changed: (seeds, sets) of each mean, and the ceiling over records (sets,)."""

    means: dict[str, Array]
    ceilings: Array

    def mean(self, what: str) -> Array:
        """One number (sets,) a set."""
        return np.asarray(self.means[what].mean(0))

    def ceiling(self, what: str) -> float:
        """What a perfect estimate could reach over the sets."""
        return ceiling(self.mean(what), noises_of(self.means[what]))


def noises_of(each: Array) -> Array:
    """Draws of the chance that lies in the mean over seeds of `each` (seeds, n)."""
    return np.diff(each, axis=0) / np.sqrt(2 * len(each))


def measured(b: Bed) -> Real:
    """What really changed, seed by seed."""
    y = b.data.y[b.rows][: b.test]
    right = (b.logits[:, :, : b.test].argmax(-1) == y).mean(-1)
    apart = [b.margins(k + 1) - b.margins(0) for k in range(len(b.gone))]
    means = {
        "margin": np.stack([a[:, : b.test].mean(1) for a in apart], 1),
        "accuracy": (right[1:] - right[0]).T,
        "own": np.stack([a[:, b.own(g)].mean(1) for a, g in zip(apart, b.gone, strict=True)], 1),
    }
    tests = [a[:, : b.test] for a in apart]
    return Real(means, np.array([ceiling(t.mean(0), noises_of(t)) for t in tests]))


def over_sets(told: Told, real: Real, what: str) -> str:
    """Rank correlation over sets with its interval, and its ceiling."""
    e = rank_correlation(np.array(told.means[what]), real.mean(what))
    if np.isnan(e.value):
        return "-"
    top = real.ceiling(what)
    of = "" if np.isnan(top) else f" of {top:.2f}"
    return f"{e.value:.2f} [{e.low:.2f}, {e.high:.2f}]{of}"


def _median(values: Array) -> str:
    """The median of what is known; "-" where nothing is, as the ceiling of a single seed."""
    known = values[~np.isnan(values)]
    return f"{np.median(known):.2f}" if len(known) else "-"


def _quartiles(values: list[float]) -> str:
    low, middle, high = np.nanquantile(values, [0.25, 0.5, 0.75])
    return f"{middle:.2f} ({low:.2f}-{high:.2f})"


def rows_for(name: str, b: Bed, held: list[Told], real: Real) -> Iterator[str]:
    """Lines of the first table."""
    for t in held:
        cells = [name, t.name, str(len(b.gone)), *(over_sets(t, real, w) for w in RANKS)]
        cells += [_quartiles(t.ranks), _median(real.ceilings), _quartiles(t.page)]
        yield "| " + " | ".join([*cells, _quartiles(t.factors)]) + " |"


def by_kind(name: str, b: Bed, step: Told, real: Real) -> Iterator[str]:
    """Lines of the second table: where the step fails."""
    ranks, factors, own = np.array(step.ranks), np.array(step.factors), np.array(step.means["own"])
    for kind in dict.fromkeys(g.kind for g in b.gone):
        places = [k for k, g in enumerate(b.gone) if g.kind == kind]
        sizes = [int((b.gone[k].mask & (b.data.split == 0)).sum()) for k in places]
        cells = [name, kind, str(len(places)), f"{min(sizes):,}-{max(sizes):,}"]
        cells += [_median(v[places]) for v in (ranks, real.ceilings, factors)]
        cells += [f"{np.median(v[places]):+.3g}" for v in (own, real.mean("own"))]
        yield "| " + " | ".join(cells) + " |"


HEADS = (
    ("model", "by", "sets", "margin, over sets", "accuracy", "own margin", "over records", "ceiling",
     "page", "factor"),
    ("model", "kind", "sets", "records", "over records", "ceiling", "factor", "own predicted",
     "own measured"),
)  # fmt: skip


def main() -> None:
    """Print both tables."""
    torch.set_num_threads(1)
    given = sys.argv[1:]
    seeds = int(given.pop(0)) if given and given[0].isdigit() else 3
    tables: tuple[list[str], list[str]] = ([], [])
    for place in given or DEFAULT:
        name, _, folder = place.partition(":")
        planned = next(p for p in EXAMPLES[name].models if folder in ("", p.folder))
        started = time.process_time()
        b = bed(name, planned, seeds)
        held, spent = told(b)
        real = measured(b)
        tables[0].extend(rows_for(planned.folder, b, held, real))
        tables[1].extend(by_kind(planned.folder, b, held[0], real))
        whole = time.process_time() - started
        print(f"{planned.folder}: {spent:.1f} CPU s to predict, {whole:.0f} in all", flush=True)
    for heads, lines in zip(HEADS, tables, strict=True):
        print("\n".join(["", "| " + " | ".join(heads) + " |", "|" + "---|" * len(heads), *lines]))


if __name__ == "__main__":
    main()
