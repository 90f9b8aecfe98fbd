"""The order of a published notebook on a stand-in: python benchmarks/forgetting_order.py [seeds] [width]

Golatkar et al. (arXiv 1911.04933, 2003.02960) forget 25 of 100 pictures of one class of a small CIFAR and
find: fine-tuning stays at the original, Fisher noise pays accuracy, the tangent kernel comes near the model
that was trained again (errors on F, in %: 0 original, 36 retrained, 0 fine-tuning, 12 Fisher, 28 kernel; on
test 24.0, 25.6, 24.6, 31.0, 25.4). Stand-in: digits, 40 pictures a class, 30 eights forgotten.

Distance: mean L1 of the probabilities on F to four models that were trained without F by other seeds. Nats:
what a method says that remains, beside ½ Σ Δ²/v with Δ to the model that was retrained with the same seed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.datasets import load_digits

from disgorge_core import training
from disgorge_core.curvature import fit_curvature
from disgorge_core.disgorging import disgorge
from disgorge_core.methods.selective_forgetting.fisher import FLOOR
from disgorge_core.methods.selective_forgetting.gauss_newton import (
    Fisher,
    flat,
    learning,
    noise_of,
)
from disgorge_core.models.prediction import probabilities
from disgorge_core.types import (
    Array,
    Dataset,
    ForgetSet,
    Layer,
    Model,
    Outcome,
    Recipe,
    Roles,
    digest_of,
)

EACH, CLASS, GONE = 40, 8, 30  # training pictures of a class; forgotten ones of this class
RECIPE = Recipe(epochs=30, lr=0.05, batch=32)
ROWS: tuple[tuple[str, str, dict[str, float]], ...] = (
    ("retrain", "retrain", {}),
    ("fine-tuning", "finetune", {"epochs": 10, "lr": 0.01}),
    ("Fisher, guarded", "fisher", {}),
    ("Fisher, strong", "fisher", {"strength": 0.4}),
    ("kernel, guarded", "ntk", {}),
    ("kernel, whole step", "ntk", {"step": 1.0}),
)


def stand_in() -> tuple[Dataset, ForgetSet]:
    """Digits: 40 pictures a class to train on, 40 to validate, the rest to test; 30 eights to forget."""
    bunch, draw = load_digits(), np.random.default_rng(0)
    shuffled = [draw.permutation(np.flatnonzero(bunch.target == c)) for c in range(10)]
    cuts = [(0, EACH), (EACH, 2 * EACH), (2 * EACH, None)]
    parts = [np.concatenate([rows[slice(*cut)] for rows in shuffled]) for cut in cuts]
    order, y = np.concatenate(parts), bunch.target[np.concatenate(parts)].astype(np.int64)
    data = Dataset(
        name="digits", kind="image", task="classification",
        ids=np.array([f"d{row:04d}" for row in order], dtype=object),
        x=bunch.images[order].astype(np.uint8)[..., None], y=y,
        classes=tuple("0123456789"), split=np.repeat([0, 1, 2], [len(p) for p in parts]),
        meta=pd.DataFrame({"label": y.astype(str)}), roles=Roles(), digest=digest_of("stand-in"),
    )  # fmt: skip
    gone = np.flatnonzero((y == CLASS) & (data.split == 0))[:GONE]
    return data, ForgetSet(tuple(sorted(map(str, data.ids[gone]))), data.digest)


@dataclass(frozen=True, eq=False)
class Bench:
    """One original with what it is held against."""

    data: Dataset
    forget: ForgetSet
    original: Model
    retrained: Model
    references: tuple[Model, ...]

    @property
    def keep(self) -> Array:
        return (self.data.split == 0) & ~self.forget.mask(self.data)

    def line(self, name: str, model: Model, more: str = "") -> str:
        """Errors on R, F and test in %, the distance to references on F, and more."""
        p, gone = probabilities(model, self.data.x), self.forget.mask(self.data)
        wrong = p.argmax(1) != self.data.y
        errors = [100 * wrong[rows].mean() for rows in (self.keep, gone, self.data.split == 2)]
        said = "".join(f"{error:7.1f}" for error in errors)
        return f"{name.ljust(20)}{said}{self.distance(model):8.3f}{more}"

    def distance(self, model: Model) -> float:
        """Mean L1 of the probabilities on F to those of the references."""
        x = self.data.x[self.forget.mask(self.data)]
        p = probabilities(model, x)
        return float(
            np.mean([np.abs(p - probabilities(r, x)).sum(1).mean() for r in self.references])
        )

    def nats(self, outcome: Outcome) -> str:
        """What the method says, and ½ Σ Δ²/v to the model that was retrained with the same seed."""
        strength = outcome.settings.get("noise") or outcome.figures["step"]
        rows, like = np.flatnonzero(self.keep), learning(self.original)
        x, y = self.data.take(rows), self.data.y[rows]
        curvature = fit_curvature(self.original, x, y, l2=RECIPE.l2)
        diagonal = flat({name: curvature.diagonal()[name] for name in like})
        noise = noise_of(Fisher(diagonal, 0.0, None, like), 0.5, FLOOR, outcome.seed)
        apart = flat(learning(outcome.model)) - float(strength) * noise.drawn
        seen = noise.nats(flat(learning(self.retrained)) - apart, float(strength))
        return f"{outcome.figures['nats remaining']:14.3g}{seen:12.3g}"


def bench(seed: int, width: int = 32) -> Bench:
    """An original of this seed, with one hidden layer, and those to compare with."""
    data, forget = stand_in()
    layers = (
        Layer("flatten"),
        Layer("linear", "hidden", {"inputs": 64, "outputs": width}),
        Layer("relu"),
        Layer("linear", "head", {"inputs": width, "outputs": 10}),
    )
    model = training.fit(data, layers, replace(RECIPE, seed=seed))
    keep = (data.split == 0) & ~forget.mask(data)
    masks, seeds = np.repeat(keep[None], 4, 0), range(1001, 1005)
    references = training.refit_many(model, data, masks, seeds, workers=1).models
    return Bench(data, forget, model, training.refit(model, data, keep), references)


def main(seeds: int = 3, width: int = 32, say: Callable[[str], Any] = print) -> None:
    """Print the table for originals of this many seeds and this many hidden units."""
    torch.set_num_threads(1)
    for seed in range(seeds):
        here = bench(seed, width)
        say(f"seed {seed}".ljust(20) + "      R      F   test    far    nats: said        seen")
        say(here.line("original", here.original))
        for name, method, settings in ROWS:
            outcome = disgorge(here.original, here.data, here.forget, method, settings=settings)
            nats = here.nats(outcome) if "nats remaining" in outcome.figures else ""
            say(here.line(name, outcome.model, nats))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
