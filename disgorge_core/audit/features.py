"""What linear readers find in the features of models: the input of the last layer, which answers do not show.

A reader is a ridge regression on features that are scaled to mean 0 and deviation 1 on the records that it
is fitted to: W = (ZᵀZ + n λ I)⁻¹ Zᵀ T with λ = 0.1, fixed beforehand (Alain & Bengio, arXiv 1610.01644).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch import nn

from disgorge_core.audit.bench import REMOVED, TEST, Bench
from disgorge_core.features import activations
from disgorge_core.types import Array, Dataset, Model, Progress

RIDGE = 0.1
FOLDS = 5
REFERENCES = 20  # models without the records whose features are read, at most
MOST, LEAST = 500, 10  # removed records that are read
NO_MODELS = "It reads the features of models, and only their answers are at hand."
NO_HIDDEN = "The model has no hidden layer that was trained, so its features hold no records."


def why_no_features(bench: Bench) -> str | None:
    """Why there is nothing to read."""
    if set(bench.judged) - set(bench.models) or len(bench.reference_models) != len(
        bench.references
    ):
        return NO_MODELS
    return None if all(map(_hidden, bench.models.values())) else NO_HIDDEN


def _hidden(model: Model) -> bool:
    """Whether weights before the last layer were trained."""
    if model.recipe is not None and model.recipe.trainable == "head":
        return False
    linear = [m for m in model.network.modules() if isinstance(m, nn.Linear)]
    head = sum(p.numel() for m in linear[-1:] for p in m.parameters())
    return bool(linear) and sum(p.numel() for p in model.network.parameters()) > head


def features_of(bench: Bench, rows: Array) -> Iterator[tuple[str, Array]]:
    """Who ("" for a reference) and features (n, d) float64 of these rows, one model at a time."""
    pairs = list(bench.models.items())
    pairs += [("", model) for model in bench.reference_models[:REFERENCES]]
    records = bench.data.take(rows)
    for number, (who, model) in enumerate(pairs):
        bench.report(Progress(number / len(pairs), f"Reading model {number + 1} of {len(pairs)}"))
        yield who, activations(model, records).astype(np.float64)


# --- readers ------------------------------------------------------------------------------------


def read(z: Array, targets: Array, others: Array) -> Array:
    """What a reader fitted to z (n, d) and targets (n, c) says of others (m, d), (m, c)."""
    middle, scale = z.mean(0), z.std(0)
    scale = np.where(scale > 1e-9 * max(1.0, float(np.abs(z).max())), scale, np.inf)
    own, offset = (z - middle) / scale, targets.mean(0)
    return offset + (others - middle) / scale @ _weights(own, targets - offset)


def _weights(z: Array, targets: Array) -> Array:
    n, d = z.shape
    if d <= n:
        return np.linalg.solve(z.T @ z + n * RIDGE * np.eye(d), z.T @ targets)
    return np.asarray(z.T @ np.linalg.solve(z @ z.T + n * RIDGE * np.eye(n), targets))


def told_apart(first: Array, second: Array, groups: Array) -> tuple[Array, Array]:
    """Scores of both sets (k, d) by readers that have not seen them; pair i is of groups[i] and one fold.

    Within each group the features are centred at its mean over the records that the reader has seen, and the
    distance from there is read as one more feature.
    """
    k = len(first)
    z, side = np.concatenate([first, second]), np.repeat([1.0, -1.0], k)
    fold, group = np.tile(np.arange(k) % FOLDS, 2), np.tile(groups, 2)
    scores = np.zeros(2 * k)
    for number in range(min(FOLDS, k)):
        left = fold == number
        centred = z - _centres(z, group, ~left)
        centred = np.c_[centred, np.linalg.norm(centred, axis=1)]
        scores[left] = read(centred[~left], side[~left, None], centred[left])[:, 0]
    return scores[:k], scores[k:]


def _centres(z: Array, group: Array, seen: Array) -> Array:
    centres = np.repeat(z[seen].mean(0, keepdims=True), len(z), axis=0)
    for one in np.unique(group[seen]):
        centres[group == one] = z[seen & (group == one)].mean(0)
    return centres


# --- records ------------------------------------------------------------------------------------


def comparable(bench: Bench) -> tuple[Array, Array, Array]:
    """Rows (k,) of removed and of test records with the same labels in the same order, and these labels.

    For numbers the fifths of the removed records' targets stand for labels.
    """
    rng = np.random.default_rng(bench.marks.seed)
    sides = [rng.permutation(bench.rows[bench.sets[name]]) for name in (REMOVED, TEST)]
    groups = [_groups(bench.data, rows, sides[0]) for rows in sides]
    pairs = []
    for one in np.unique(groups[0]):
        found = [rows[own == one] for rows, own in zip(sides, groups, strict=True)]
        count = min(map(len, found))
        pairs.append(np.stack([*(rows[:count] for rows in found), np.full(count, one)], axis=1))
    mixed = rng.permutation(np.concatenate(pairs))[:MOST] if pairs else np.zeros((0, 3), np.int64)
    ordered = mixed[
        np.argsort(mixed[:, 2], kind="stable")
    ]  # so that each fold has its share of each
    return ordered[:, 0], ordered[:, 1], ordered[:, 2]


def _groups(data: Dataset, rows: Array, removed: Array) -> Array:
    if data.task == "classification":
        return np.asarray(data.y[rows], dtype=np.int64)
    cuts = np.quantile(data.y[removed], [0.2, 0.4, 0.6, 0.8])
    return np.asarray(np.digitize(data.y[rows], cuts), dtype=np.int64)


# --- likeness -----------------------------------------------------------------------------------


def likeness(features: list[Array]) -> Array:
    """Linear CKA (K, K) of the features (n, d) of K models; d may differ.

    Kornblith et al., arXiv 1905.00414: ‖YᵀX‖² / (‖XᵀX‖ ‖YᵀY‖) in Frobenius norms with
    centred columns, here as the cosine of the matrices XXᵀ and YYᵀ; 0 where features are constant.
    """
    grams = []
    for z in features:
        z = z - z.mean(0)
        gram = (z @ z.T).ravel()
        length = float(np.linalg.norm(gram))
        grams.append(gram / length if length else gram)
    stack = np.stack(grams)
    return np.asarray(stack @ stack.T)
