"""The auditor's own record: how often it is wrong on planted cases.

    python -m benchmarks.auditor [references] [repeats] [world ...]

A world is a dataset, a model's recipe and a forget set F. In each of them models are made that did NOT
remove F, in every way that we know to look like a removal, and models that truly never saw F:

    original      another seed, trained with everything
    kept 50, 10 % trained with that share of F
    random label  the original, trained further on random labels for F and on kept records
    guard         the original behind an output guard, said to be a removal
    no-op         the original with a rounding of its weights
    over          the original, pushed away from F until F is answered wrong
    other recipe  trained with everything by half the epochs at half the rate
    reference     trained without F, another seed: must not be refused

All are audited as a pair from elsewhere (tier empirical, recipe confirmed) by the checks that decide. A
verdict is wrong where a model that did not remove F is called "not distinguishable", or "exact"; a reference
is refused where the tests tell it from references. "Reduced (wide)" is no refusal: no test tells it from
references, but what may be left is more than the tolerance at this power. "No measurable trace before or
after" credits nobody and is counted apart.

Each case draws its references, twins and control from the world's pool, so that no verdict hangs on one
lucky or unlucky set; every model of the pool is judged once by the others. Cases of one world still share
models: figures are given by world, and the intervals below are Wilson's as if cases were independent.
"""

from __future__ import annotations

import copy
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from disgorge_core import metrics, training
from disgorge_core.audit.bench import Bench
from disgorge_core.auditing import Beside, Pair, conclude, lay
from disgorge_core.data.forget_set import from_mask
from disgorge_core.disgorging import disgorge
from disgorge_core.examples.shipped import example
from disgorge_core.methods.contract import seen_by
from disgorge_core.models.prediction import logits
from disgorge_core.training.repair import Objective
from disgorge_core.types import Array, Dataset, ForgetSet, Marks, Model, Verdict

CHECKS = "distance,trace,quality"
TWINS = 10
REFUSED = ("reduced", "no effect", "worse", "suppressed")  # without a bracket
CLEARED = ("not distinguishable", "exact", "certified")


@dataclass(frozen=True, eq=False)
class World:
    """One dataset, one model to train like, and the mask (n,) of the records to go."""

    name: str
    data: Dataset
    model: Model
    forget: Array

    @property
    def train(self) -> Array:
        """Bool (n,): what the original was trained on."""
        return seen_by(self.model, self.data)

    def fit(self, keep: Array, seeds: range, recipe: object = None) -> list[Model]:
        """Models on these records, one a seed."""
        masks = np.repeat(keep[None], len(seeds), axis=0)
        stack = training.refit_many(self.model, self.data, masks, list(seeds), recipe=recipe)  # type: ignore[arg-type]
        return list(stack.models)


def worlds() -> dict[str, Callable[[], World]]:
    """All worlds by name; each is opened when it is asked for."""
    return {
        "digits-mislabelled/wrong": lambda: _suggested("digits-mislabelled", 0),
        "digits-mislabelled/random": lambda: _random("digits-mislabelled", 0, 50),
        "digits/suggested": lambda: _suggested("digits", 0),
        "digits/random": lambda: _random("digits", 0, 60),
        "adult-logistic/source": lambda: _suggested("adult", 1),
        "addresses/owner": lambda: _suggested("addresses", 0),
    }


def _suggested(name: str, model: int) -> World:
    case = example(name)
    chosen = case.models[model]
    mask = case.forget.mask(case.dataset) & seen_by(chosen, case.dataset)
    return World(f"{name}, {case.forget.name}", case.dataset, chosen, mask)


def _random(name: str, model: int, size: int) -> World:
    case = example(name)
    mask = np.zeros(len(case.dataset), dtype=bool)
    rows = np.flatnonzero(seen_by(case.models[model], case.dataset))
    mask[np.random.default_rng(1).choice(rows, size, replace=False)] = True
    return World(f"{name}, random {size}", case.dataset, case.models[model], mask)


# --- models that did not remove -----------------------------------------------------------------


def not_removed(world: World, originals: list[Model]) -> Iterator[tuple[str, Model, Model]]:
    """Name, model before and model after of every planted case."""
    repeats = len(originals)
    yield from _each("original", originals, originals[1:] + originals[:1])
    for share in (0.5, 0.1):
        yield from _each(f"kept {share:.0%}", originals, _partly(world, share, repeats))
    yield from _each(
        "random label", originals, [_random_label(world, m, k) for k, m in enumerate(originals)]
    )
    yield from _each("guard", originals, [_guard(world, m) for m in originals])
    yield from _each("no-op", originals, [_rounded(m) for m in originals])
    yield from _each("over", originals, [_over(world, m) for m in originals])
    recipe = world.model.recipe
    if recipe is not None:
        other = replace(recipe, epochs=max(1, recipe.epochs // 2), lr=recipe.lr / 2)
        yield from _each(
            "other recipe", originals, world.fit(world.train, range(7000, 7000 + repeats), other)
        )


def _each(kind: str, before: list[Model], after: list[Model]) -> Iterator[tuple[str, Model, Model]]:
    for b, a in zip(before, after, strict=True):
        yield kind, b, a


def _partly(world: World, share: float, repeats: int) -> list[Model]:
    rows, found = np.flatnonzero(world.forget), []
    for k in range(repeats):
        keep = world.train & ~world.forget
        size = max(1, round(share * len(rows)))
        keep[np.random.default_rng(k).choice(rows, size, replace=False)] = True
        found += world.fit(keep, range(6000 + k, 6001 + k))
    return found


def _random_label(world: World, model: Model, seed: int) -> Model:
    """Five epochs on everything, with labels of F drawn anew (Graves et al. 2021)."""
    drawn = torch.from_numpy(
        np.random.default_rng(seed).integers(0, len(world.data.classes), len(world.data))
    )
    gone = torch.from_numpy(world.forget)

    def objective(network: torch.nn.Module, batch: training.Batch) -> torch.Tensor:
        rows = torch.from_numpy(batch.rows)
        target = torch.where(gone[rows], drawn[rows], batch.y)
        return torch.nn.functional.cross_entropy(network(batch.x), target)

    return _further(world, model, world.train, objective, 5, seed)


def _over(world: World, model: Model) -> Model:
    """Gradient ascent on F until fewer than one in five of them is answered rightly, at most 40 epochs."""

    def objective(network: torch.nn.Module, batch: training.Batch) -> torch.Tensor:
        return -torch.nn.functional.cross_entropy(network(batch.x), batch.y).clamp(max=20)

    for epochs in (2, 5, 10, 20, 40):
        found = _further(world, model, world.forget, objective, epochs, 0)
        answers = logits(found, world.data.take(np.flatnonzero(world.forget)))
        if float((answers.argmax(1) == world.data.y[world.forget]).mean()) < 0.2:
            break
    return found


def _further(
    world: World, model: Model, mask: Array, objective: Objective, epochs: int, seed: int
) -> Model:
    lr = 0.3 * (model.recipe.lr if model.recipe else 0.05)
    return training.continue_training(
        model,
        world.data,
        np.flatnonzero(mask),
        objective=objective,
        epochs=epochs,
        lr=lr,
        seed=seed,
    )


def _guard(world: World, model: Model) -> Model:
    forget = from_mask(world.data, world.forget, "planted")
    return disgorge(model, world.data, forget, "guard").model


def _rounded(model: Model) -> Model:
    """The same model with the last bits of its weights gone."""
    members = []
    for member in model.members:
        network = copy.deepcopy(member.network)
        with torch.no_grad():
            for p in network.parameters():
                p.mul_(1 + 1e-6)
        members.append(replace(member, network=network))
    return replace(model, members=tuple(members))


# --- the count ----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Pool:
    """All models of a world without F and with everything, on one bench; each case draws its own."""

    world: World
    bench: Bench
    references: int

    def judge(self, before: Model, after: Model, number: int, own: int | None = None) -> str:
        """The verdict by references and twins drawn for this case; `own` is its place in the pool."""
        pair = Pair(before, after, self.world.data, self._forget, recipe="confirmed")
        rng = np.random.default_rng(number)
        others = np.setdiff1d(np.arange(len(self.bench.references)), [] if own is None else [own])
        control, *drawn = rng.choice(others, self.references + 1, replace=False)
        twins = rng.choice(len(self.bench.twins), TWINS, replace=False)
        answers = {"before": self._answers(before), "after": self._answers(after)}
        laid = replace(
            self.bench,
            judged=answers | {"control": self.bench.references[control]},
            references=self.bench.references[drawn],
            twins=self.bench.twins[twins],
            reference_models=[self.bench.reference_models[k] for k in drawn],
            twin_models=[self.bench.twin_models[k] for k in twins],
        )
        return _called(conclude(pair, laid).verdict)

    @property
    def _forget(self) -> ForgetSet:
        return from_mask(self.world.data, self.world.forget, "planted")

    def _answers(self, model: Model) -> Array:
        return logits(model, self.world.data.take(self.bench.rows)).astype(np.float32)


def pool(world: World, references: int, honest: int) -> Pool:
    """References + honest models without F, and twice the twins that a case draws."""
    keep = world.train & ~world.forget
    began = time.monotonic()
    without = world.fit(keep, range(1000, 1000 + references + honest))
    print(
        f"\n{world.name}: {len(without)} references in {time.monotonic() - began:.0f} s", flush=True
    )
    twins = world.fit(world.train, range(3000, 3000 + 2 * TWINS))
    forget = from_mask(world.data, world.forget, "planted")
    marks = Marks(references=references, twins=TWINS, checks=CHECKS)
    pair = Pair(world.model, world.model, world.data, forget, recipe="confirmed")
    return Pool(world, lay(pair, Beside(without, twins), marks)[0], references)


def run(world: World, references: int, repeats: int, honest: int) -> dict[str, Counter[str]]:
    """Verdicts by kind of case."""
    laid = pool(world, references, honest)
    originals = world.fit(world.train, range(4000, 4000 + repeats))
    found: dict[str, Counter[str]] = {}
    for k, (kind, before, after) in enumerate(not_removed(world, originals)):
        found.setdefault(kind, Counter())[laid.judge(before, after, k)] += 1
    models = laid.bench.reference_models
    found["reference"] = Counter(
        laid.judge(originals[k % repeats], model, 1000 + k, k) for k, model in enumerate(models)
    )
    return found


def _called(v: Verdict) -> str:
    return f"{v.key} (wide)" if "wide" in v.why else v.key


def main(references: int = 50, repeats: int = 9, names: tuple[str, ...] = ()) -> None:
    """Print the table."""
    total, honest = Counter[str](), Counter[str]()
    for name, opened in worlds().items():
        if names and name not in names:
            continue
        began, world = time.monotonic(), opened()
        found = run(world, references, repeats, honest=max(17, repeats))
        print(f"  |F| = {int(world.forget.sum())}, {time.monotonic() - began:.0f} s in all")
        for kind, verdicts in found.items():
            print(
                f"  {kind:14s}",
                ", ".join(f"{key} {n}" for key, n in verdicts.most_common()),
                flush=True,
            )
            (honest if kind == "reference" else total).update(verdicts)
    _summary("not removed", total, CLEARED, "wrongly cleared")
    _summary("references", honest, REFUSED, "wrongly refused")
    _summary("references", honest, ("cannot tell",), "cannot tell")


def _summary(what: str, verdicts: Counter[str], counted: tuple[str, ...], name: str) -> None:
    hits = sum(verdicts[key] for key in counted)
    count = verdicts.total()
    share = metrics.share(np.arange(count) < hits)
    print(f"{what}: {count} cases, {name} {hits} ({share.value:.1%}, up to {share.high:.1%})")


if __name__ == "__main__":
    given = [int(v) for v in sys.argv[1:] if v.isdigit()]
    main(*given, names=tuple(v for v in sys.argv[1:] if not v.isdigit()))
