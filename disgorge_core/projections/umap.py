"""UMAP: a map that keeps neighbourhoods (McInnes et al. 2018, arXiv 1802.03426).

Fed with our own exact neighbour graph and started from the principal components, one thread and a fixed
seed, so that the same features give the same map. Above 20,000 positions an evenly drawn subsample is
fitted and the others are placed at the weighted mean of their nearest fitted neighbours. Imports
umap only when it runs, which belongs in a worker: the first map of a process compiles for some seconds.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from disgorge_core.features import EXACT, neighbours, pca
from disgorge_core.params import param
from disgorge_core.projections.contract import joint
from disgorge_core.registry import PROJECTIONS
from disgorge_core.types import Array, Progress, Report, silent

SUBSAMPLE = 10_000
PLACED_BY = 5  # fitted neighbours that place one record


@PROJECTIONS.register
@dataclass(frozen=True)
class Umap:
    """A map that keeps who is near whom."""

    name = "umap"
    title = "UMAP"
    reading = "Near means alike; distances between separate groups and their sizes mean little."
    order = 20

    neighbours: int = param(15, help="Neighbours that shape the map", min=2, max=200)
    min_distance: float = param(0.1, help="How tightly alike records are packed", min=0, max=1)
    epochs: int = param(100, help="Steps of the layout", min=10, max=2000, advanced=True)

    def project(
        self, features: Sequence[Array], *, seed: int = 0, report: Report = silent
    ) -> tuple[Array, ...]:
        """Positions (n_i, 2) of each set of features on one map."""
        whole, cuts = joint(features)
        if len(whole) < 4:
            return tuple(np.split(pca(whole, 2), cuts))
        rows = np.arange(len(whole))
        if len(whole) > EXACT:
            rng = np.random.default_rng(seed)
            rows = np.sort(rng.choice(len(whole), SUBSAMPLE, replace=False))
        report(Progress(0.1, "finding neighbours"))
        fitted = self._layout(whole[rows], seed, report)
        report(Progress(0.9, "placing records"))
        return tuple(np.split(_placed(whole, rows, fitted), cuts))

    def notes(self, n: int) -> tuple[str, ...]:
        """Says where a map was fitted to a subsample."""
        if n <= EXACT:
            return ()
        return (
            f"The map was laid out with {SUBSAMPLE:,} of {n:,} positions; the others stand at the weighted "
            f"mean of their {PLACED_BY} nearest.",
        )

    def _layout(self, features: Array, seed: int, report: Report) -> Array:
        k = min(self.neighbours, len(features) - 1)
        index, distance = neighbours(features, k)
        own = np.arange(len(features))[:, None]
        graph = np.hstack([own, index]), np.hstack([np.zeros_like(distance[:, :1]), distance])
        report(Progress(0.2, "laying out the map"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # umap says that such a graph cannot place new records
            from umap import UMAP

            layout = UMAP(
                n_neighbors=k + 1,
                min_dist=self.min_distance,
                n_epochs=self.epochs,
                init=_start(features),
                precomputed_knn=graph,
                random_state=seed,
                n_jobs=1,
                force_approximation_algorithm=True,
            )
            return np.asarray(layout.fit_transform(features), dtype=np.float32)


def _start(features: Array) -> Array:
    """Principal components, 10 units wide, with a grain of noise so that duplicates can part."""
    start = pca(features, 2)
    width = np.abs(start).max() or 1.0
    grain = np.random.default_rng(0).normal(scale=1e-4, size=start.shape)
    return (10 * start / width + grain).astype(np.float32)


def _placed(features: Array, rows: Array, fitted: Array) -> Array:
    """Fitted positions, and for all other records the mean of their neighbours', nearer ones first."""
    if len(rows) == len(features):
        return fitted
    anchors, places = torch.from_numpy(features[rows]), torch.from_numpy(fitted)
    parts = [_near(z, anchors, places) for z in torch.from_numpy(features).split(1024)]
    found = torch.cat(parts).numpy()
    found[rows] = fitted
    return found


def _near(z: torch.Tensor, anchors: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    distance, index = torch.cdist(z, anchors).topk(PLACED_BY, largest=False)
    weight = 1 / (distance + 1e-6)
    return (places[index] * (weight / weight.sum(1, keepdim=True))[:, :, None]).sum(1)
