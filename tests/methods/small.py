"""The small example of the method tests: digits pictures, a tiny network, records with wrong labels."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits

from disgorge_core import training
from disgorge_core.regimes.adapters import Adapters
from disgorge_core.regimes.condensed import Condensed
from disgorge_core.regimes.datastore import Datastore
from disgorge_core.regimes.dp_head import DpHead
from disgorge_core.regimes.dp_sgd import DpSgd
from disgorge_core.regimes.halves import Halves
from disgorge_core.regimes.linearized import MixedPrivacy
from disgorge_core.regimes.logged import Logged
from disgorge_core.regimes.pate import Pate
from disgorge_core.regimes.perturbed import Perturbed
from disgorge_core.regimes.published_noisy import PublishedNoisy
from disgorge_core.regimes.shard_graph import ShardGraph
from disgorge_core.regimes.sharded import Sharded
from disgorge_core.regimes.synthesized import Synthesized
from disgorge_core.types import (
    SPLITS,
    Array,
    Dataset,
    ForgetSet,
    Layer,
    Model,
    Recipe,
    Roles,
    digest_of,
)

CLASSES = tuple("0123456789")
LAYERS = (
    Layer("flatten"),
    Layer("linear", "hidden", {"inputs": 64, "outputs": 32}),
    Layer("relu"),
    Layer("linear", "head", {"inputs": 32, "outputs": 10}),
)
RECIPE = Recipe(epochs=12, lr=0.05, batch=32)
ON_TRUE_LABELS = (  # methods whose model is trained on them
    "statistics", "sisa", "certified_newton", "descent_to_delete", "dp_sgd", "pate", "dp_head",
)  # fmt: skip
PARTS = {"train": 300, "validation": 100, "test": 100}


@cache
def digits(
    wrong: int = 0, task: str = "classification", parts: tuple[int, ...] = (300, 100, 100)
) -> Dataset:
    """Pictures of digits; the first `wrong` training records carry a wrong label."""
    n = sum(parts)
    bunch = load_digits()
    order = np.random.default_rng(0).permutation(len(bunch.target))[:n]
    x, y = bunch.images[order].astype(np.uint8)[..., None], bunch.target[order].astype(np.int64)
    y[:wrong] = (y[:wrong] + 1 + np.arange(wrong) % 9) % 10
    ids = np.array([f"d{row:04d}" for row in order], dtype=object)
    owner = np.array(["ann", "bob", "cy"])[np.arange(n) // 3 % 3]
    return Dataset(
        name="digits", kind="image", task=task, ids=ids, x=x,
        y=y if task == "classification" else y.astype(np.float64),
        classes=CLASSES if task == "classification" else (),
        split=np.repeat(np.arange(len(SPLITS)), parts), licence="",
        meta=pd.DataFrame({"label": y.astype(str), "near": np.arange(n), "owner": owner}),
        roles=Roles(near="near"), digest=digest_of([task, wrong, parts]),
    )  # fmt: skip


def without(data: Dataset, forget: ForgetSet) -> Dataset:
    """The dataset as if it had never held these records."""
    rows = np.flatnonzero(~forget.mask(data))
    return replace(
        data, ids=data.ids[rows], x=data.take(rows), y=data.y[rows], split=data.split[rows],
        meta=data.meta.iloc[rows].reset_index(drop=True), digest=f"{data.digest} without",
    )  # fmt: skip


def chosen(data: Dataset, rows: Array, **about: bool) -> ForgetSet:
    """These rows as a forget set."""
    return ForgetSet(tuple(sorted(map(str, data.ids[rows]))), data.digest, **about)


def first(data: Dataset, n: int = 15) -> ForgetSet:
    """The first training records."""
    return chosen(data, data.rows("train")[:n])


@cache
def plain(wrong: int = 0) -> Model:
    """A network trained on all training records."""
    return training.fit(digits(wrong), LAYERS, RECIPE, name="small")


@cache
def narrow() -> Model:
    """A network of 910 weights that knows its wrong labels by heart, for methods with large matrices."""
    layers = (LAYERS[0], *_sized(12))
    recipe = replace(RECIPE, epochs=60, batch=16)
    return training.fit(digits(15), layers, recipe, name="narrow")


def _sized(width: int) -> tuple[Layer, ...]:
    return (
        Layer("linear", "hidden", {"inputs": 64, "outputs": width}),
        Layer("relu"),
        Layer("linear", "head", {"inputs": width, "outputs": 10}),
    )


@cache
def spared() -> Model:
    """A network that never saw the last 100 training records: they can stand in for others."""
    data = digits(15)
    spare = np.isin(np.arange(len(data)), data.rows("train")[200:])
    return training.fit(data, LAYERS, RECIPE, exclude=spare, name="spared")


@cache
def learnt() -> Model:
    """A network trained until it knows its wrong labels by heart."""
    return training.fit(digits(15), LAYERS, replace(RECIPE, epochs=60, batch=16), name="learnt")


@cache
def sharded() -> Model:
    """Five networks, each trained on its own shard."""
    return training.fit(digits(), LAYERS, RECIPE, regime=Sharded(5, 0), name="shards")


@cache
def logged() -> Model:
    """A network with a log of its batches; the records came in the order of their rows."""
    regime = Logged("near", stages=4)
    return training.fit(digits(15), LAYERS, RECIPE, regime=regime, name="logged")


@cache
def closed_form(architecture: str = "ridge") -> Model:
    """A model that is a sum over its records."""
    return training.fit(digits(), architecture, name=architecture)


@cache
def linear() -> Model:
    """One linear layer with L2: a convex fit, trained by gradients."""
    recipe = replace(RECIPE, epochs=40, l2=1e-2)
    return training.fit(digits(15), "linear", recipe, name="linear")


@cache
def perturbed() -> Model:
    """A linear model with a secret tilt, whose budget lasts for some records."""
    regime = Perturbed(l2=0.01, sigma=10.0)
    return training.fit(digits(), "linear", RECIPE, regime=regime, name="perturbed")


@cache
def private() -> Model:
    """A network within a privacy bound that says something of twenty records."""
    regime = DpSgd(epsilon=0.5, delta=1e-9)
    return training.fit(digits(), LAYERS, RECIPE, regime=regime, name="private")


@cache
def adapters() -> Model:
    """A head for each of three owners."""
    return training.fit(digits(15), LAYERS, RECIPE, regime=Adapters("owner"), name="adapters")


@cache
def graph() -> Model:
    """Eight nodes, each of which learnt from the next shard too."""
    return training.fit(digits(15), LAYERS, RECIPE, regime=ShardGraph(8, 1), name="graph")


@cache
def condensed() -> Model:
    """Trained on made-up records of three owners."""
    return training.fit(
        digits(15), LAYERS, RECIPE, regime=Condensed("owner", each=3), name="condensed"
    )


@cache
def synthesized() -> Model:
    """Trained on records that were drawn like the training records."""
    return training.fit(digits(15), LAYERS, RECIPE, regime=Synthesized(), name="synthesized")


@cache
def store() -> Model:
    """Nearest records vote."""
    return training.fit(digits(15), LAYERS, RECIPE, regime=Datastore(5), name="store")


@cache
def halves() -> Model:
    """Two networks on disjoint halves."""
    return training.fit(digits(15), LAYERS, RECIPE, regime=Halves(), name="halves")


@cache
def student() -> Model:
    """A network that learned from noisy votes of five others."""
    regime = Pate(teachers=5, epsilon=0.5, queries=60, delta=1e-9)
    return training.fit(digits(), LAYERS, RECIPE, regime=regime, name="student")


@cache
def head() -> Model:
    """A linear model with noise on its weights."""
    regime = DpHead(epsilon=0.5, delta=1e-9)
    return training.fit(digits(), "linear", RECIPE, regime=regime, name="head")


@cache
def published() -> Model:
    """A linear model that was published with noise."""
    regime = PublishedNoisy(l2=0.1)
    return training.fit(digits(), "linear", RECIPE, regime=regime, name="published")


@cache
def mixed() -> Model:
    """A core of all but the first 100 records, and a linear user part for those."""
    regime = MixedPrivacy(core="near >= 100")
    return training.fit(digits(15), LAYERS, RECIPE, regime=regime, name="mixed")


def model_for(method: str) -> Model:
    """A model that a method applies to."""
    special = {
        "statistics": closed_form, "sisa": sharded, "rewind": logged, "newton": linear,
        "certified_newton": perturbed, "descent_to_delete": published, "linearized": mixed,
        "adapters": adapters, "safe": graph, "condense": condensed, "datastore": store, "naf": halves,
        "fisher": narrow, "ntk": narrow, "substitute": spared, "dp_sgd": private,
        "pate": student, "dp_head": head, "synthesize": synthesized,
    }  # fmt: skip
    return special[method]() if method in special else plain(15)


def data_for(method: str) -> Dataset:
    """The dataset of that model."""
    return digits() if method in ON_TRUE_LABELS else digits(15)


def same_weights(a: Model, b: Model) -> bool:
    """Whether two models have the same weights, buffers and preprocessing, to the last bit."""
    return (
        replace(a, artefacts={}, rule="mean").digest == replace(b, artefacts={}, rule="mean").digest
    )
