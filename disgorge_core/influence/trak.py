"""TRAK: the network as a logistic regression in randomly projected gradients of its margins.

Park et al. 2023 (arXiv 2303.14186, section 3): with f the margin of a record's own class, p its probability
and φ = Pᵀ ∇f, a random projection of the margin's gradient to a few hundred numbers, the score of record i on
query j is

    φ_jᵀ (ΦᵀΦ + λ I)⁻¹ φ_i (1 - p_i)

λ is the mean of ΦᵀΦ's diagonal times `ridge`; the paper has none, which costs half of the quality where the
network has many more weights than the projection has directions. For values, f is the value itself and the
residual stands in place of 1 - p. Projections are made from the layers' factors (`curvature.sketch`), and no
gradient is built; both sides are read batch after batch, so memory does not grow with the training records. A
projection throws information away: below influence functions with curvature, measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from disgorge_core.curvature.records import Single, single, trained_part
from disgorge_core.curvature.sites import capture
from disgorge_core.curvature.sketch import Projection, projection_of
from disgorge_core.influence.contract import asked, guard_note, one_network, scores_of
from disgorge_core.influence.curved import coverage_note
from disgorge_core.influence.several import Several
from disgorge_core.params import param
from disgorge_core.registry import ESTIMATORS
from disgorge_core.types import Array, Dataset, Model, Progress, Report, Scores, silent


@ESTIMATORS.register
@dataclass(frozen=True)
class Trak:
    """Ridge regression in random projections of the gradients of margins."""

    name = "trak"
    title = "TRAK (projected gradients)"
    unit = "Effect in a regression on projected gradients; of classes a rank, not a change of the output."
    limits = "The projection throws information away, the more the larger the network is."
    order = 30

    dimension: int = param(512, help="Numbers that a gradient is projected to", min=1, max=8192)
    ridge: float = param(
        1.0, help="Share of the mean diagonal that is added", min=1e-9, max=1e6, advanced=True
    )
    projections: int = param(1, help="Random projections that are averaged", min=1, max=100)
    seed: int = param(0, help="Seed of the first projection", min=0, max=2**31, advanced=True)

    def score(
        self,
        model: Model,
        data: Dataset,
        train_rows: Array,
        query_rows: Array,
        *,
        target: str = "margin",
        report: Report = silent,
    ) -> Scores:
        """Scores of all pairs, from two passes for each projection; spread over the projections."""
        output = asked(model, train_rows, query_rows, target)
        one_network(model)
        one, several = single(model, trained_part(model)), Several()
        for k in range(self.projections):
            pairs = _Projected(one, data, projection_of(one.sites, self.dimension, self.seed + k))
            several.add(self._scored(pairs, train_rows, query_rows, target, self._part(k, report)))
        return scores_of(
            several.mean,
            data,
            train_rows,
            query_rows,
            unit=output if model.task == "regression" else "TRAK score, no unit",
            estimator=self.name,
            passes=self.projections * float(2 * len(train_rows) + len(query_rows)),
            notes=(*guard_note(model), *coverage_note(model)),
            spread=several.error,
        )

    def _part(self, k: int, report: Report) -> Report:
        return lambda p: report(Progress((k + p.share) / self.projections, p.message))

    def _scored(
        self, pairs: _Projected, train_rows: Array, query_rows: Array, target: str, report: Report
    ) -> Array:
        gram: Tensor | float = 0.0
        for done, (phi, _) in pairs.batches(train_rows):
            gram = gram + phi.T @ phi
            report(Progress(0.5 * done, "projecting gradients"))
        assert isinstance(gram, Tensor)
        ridge = self.ridge * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
        found = list(pairs.batches(query_rows))
        query, weight = (torch.cat([part[i] for _, part in found]) for i in (0, 1))
        if target == "loss":
            query = query * weight[:, None]
        solved = torch.linalg.solve(gram + ridge, query.T)
        blocks = []
        for done, (phi, w) in pairs.batches(train_rows):
            blocks.append((-(phi * w[:, None]) @ solved).numpy().astype(np.float32))
            report(Progress(0.5 + 0.5 * done, "scoring training records"))
        return np.concatenate(blocks)


@dataclass(frozen=True, eq=False)
class _Projected:
    one: Single
    data: Dataset
    projection: Projection

    def batches(self, rows: Array) -> Iterator[tuple[float, tuple[Tensor, Tensor]]]:
        """Share done, and of each batch the projected gradients (n, k) and dℓ/df (n,), in float64.

        dℓ/df is the part of ∇ℓ along ∇f in the logits: -(1 - p) for cross-entropy, which is all of it.
        """
        done, loss = 0, self.one.loss
        for x, y in self.one.batches(self.data.take(rows), self.data.y[rows]):
            seen = capture(self.one.network, self.one.sites, x)
            z = seen.logits.detach()
            along = loss.output_slope(z, y, "margin")
            weight = (loss.slope(z, y) * along).sum(1) / along.square().sum(1)
            done += len(x)
            yield done / len(rows), (self.projection.of(seen, along).double(), weight.double())
