"""Influence functions with a given curvature H: scores of all pairs, of one query, and predicted effects.

Upweighting theory (Koh and Liang 2017, arXiv 1703.04730, eq. 2): without record i the weights move by
Δθ = (1/n) H⁻¹ (∇ℓ_i - mean ∇ℓ), hence an output f by ∇f · Δθ. As H⁻¹ = W Wᵀ, the matrix of all scores is
a product of whitened features; these are made batch after batch, so the train side is never stored.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from disgorge_core.curvature import (
    Curvature,
    fit_curvature,
    logit_change,
    loss_change,
    output_gradient,
    removal_direction,
)
from disgorge_core.curvature.kfac import Factors, KFac
from disgorge_core.curvature.records import single
from disgorge_core.curvature.sites import capture, coverage
from disgorge_core.influence.contract import l2_of, seen_rows
from disgorge_core.types import Array, Dataset, Model, Progress, Report, silent


def curvature_of(
    model: Model, data: Dataset, rows: Array, report: Report = silent, **settings: Any
) -> Curvature:
    """Curvature at the model's weights over these rows, with the recipe's L2."""
    x, y = data.take(rows), data.y[rows]
    return fit_curvature(model, x, y, l2=l2_of(model), report=report, **settings)


def coverage_note(model: Model) -> tuple[str, ...]:
    """What to say where curvature does not cover all that was trained."""
    said = coverage(model.network) if len(model.members) == 1 else ""
    return (said,) if said else ()


def matrix_of(
    model: Model,
    data: Dataset,
    train_rows: Array,
    query_rows: Array,
    curvature: Curvature | KFac,
    *,
    target: str = "margin",
    report: Report = silent,
) -> Array:
    """Scores (n_train, n_query) float32: -(1/n) ∇f_j · H⁻¹ (∇ℓ_i - mean ∇ℓ)."""
    queries = _joined(list(_features(model, data, query_rows, curvature, target)))
    found = np.empty((len(train_rows), len(query_rows)), np.float32)
    done = 0
    for part in _features(model, data, train_rows, curvature, "loss"):
        block = _products(part, queries)
        found[done : done + len(block)] = block.numpy()
        done += len(block)
        report(Progress(done / len(train_rows), "scoring training records"))
    return (found.mean(0, dtype=np.float64) - found).astype(np.float32) / len(train_rows)


def _features(
    model: Model, data: Dataset, rows: Array, curvature: Curvature | KFac, target: str
) -> Iterator[list[Factors]]:
    """Whitened gradients of each batch: for each layer, or for all at once, the factors of its features."""
    one = single(model, curvature.part)
    for x, y in one.batches(data.take(rows), data.y[rows]):
        seen = capture(one.network, one.sites, x)
        found = curvature.whiten(seen, one.loss.output_slope(seen.logits.detach(), y, target))
        yield [(found,)] if isinstance(found, Tensor) else found


def _joined(parts: Sequence[list[Factors]]) -> list[Factors]:
    """The features of several batches as those of one."""
    layers = [list(zip(*layer, strict=True)) for layer in zip(*parts, strict=True)]
    return [tuple(torch.cat(factor) for factor in layer) for layer in layers]


def _products(part: list[Factors], queries: list[Factors]) -> Tensor:
    """Inner products (n, m): over layers the sum, over the factors of a layer the product."""
    layers = [
        [p @ q.T for p, q in zip(own, other, strict=True)]
        for own, other in zip(part, queries, strict=True)
    ]
    return torch.stack([math.prod(layer[1:], start=layer[0]) for layer in layers]).sum(0)


def group_gradient(
    model: Model, data: Dataset, rows: Array, target: str, part: str = "all"
) -> dict[str, Tensor]:
    """Gradient of the mean output over query rows: a test record, a class, any group."""
    return output_gradient(model, data.take(rows), data.y[rows], target, part)


def one_query(
    model: Model,
    data: Dataset,
    train_rows: Array,
    gradient: Mapping[str, Tensor],
    curvature: Curvature,
) -> Array:
    """Scores (n_train,) of all training records for one output, by one forward-mode pass.

    `gradient` is that of the output (`group_gradient`); equals the column of `matrix_of`.
    """
    direction = curvature.solve(gradient, kept=True)
    along = loss_change(model, data.take(train_rows), data.y[train_rows], direction)
    return (along.mean() - along) / len(train_rows)


def predicted_change(
    model: Model, data: Dataset, forget: Array, query_rows: Array, curvature: Curvature
) -> Array:
    """Estimated change (n_query, c) of the logits if the rows of `forget` (n,) had not been trained on."""
    seen = np.zeros(len(data), dtype=bool)
    seen[seen_rows(model, data)] = True
    move = removal_direction(model, data, forget & seen, seen & ~forget, curvature)
    return logit_change(model, data.take(query_rows), move)
