"""Each network answers for records like its own: networks are counted by how near a record lies.

Network s keeps, for each class c that it learnt, the mean μ_sc of what entered its head, the number n_sc of
records, and their squared distance from it. With v the mean square of those distances over all that is kept,
    π_s(x) ∝ Σ_c n_sc exp(-‖z_s(x) - μ_sc‖² / (t v)),    p(y | x) = Σ_s π_s(x) p_s(y | x)
where z_s(x) enters the head of s; of numbers it is Σ_s π_s(x) f_s(x). Layers that networks share are passed
once. t = 0.1 did best on the validation splits of digits, openmoji and addresses.
Source: attention to the sources of a record as in Bowman et al. (arXiv 2302.07994), by nearness to class
means in place of learnt keys; class means stand beside the adapters in Dukler et al. (arXiv 2304.13169) too.
Artefacts, network after network: `head_each` points of a network, `head_width` numbers of a point (members,),
`head_points` (flat) float32, `head_counts` (points,), `head_spread` (members,) float64.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from disgorge_core.models.prediction import batches, logsumexp
from disgorge_core.models.trunk import Seen
from disgorge_core.registry import RULES
from disgorge_core.types import Array, Model

NEAR = 0.1  # t: smaller counts the nearest alone
LEAST = 1e-12  # of v, where each class mean is a single record
EACH, WIDTH, POINTS = "head_each", "head_width", "head_points"
COUNTS, SPREAD = "head_counts", "head_spread"


@dataclass(frozen=True, eq=False)
class Places:
    """Where the records of one network lie: class means (p, d), how many (p,), squared distances in all."""

    points: Array
    counts: Array
    spread: float


@RULES.register
class NearestHeads:
    """Networks that learnt from records like this one count for more."""

    name = "nearest_heads"
    says = "its networks' answers, each counted by how near a record lies to those it learnt from"
    behind = "nearest_heads"

    @staticmethod
    def weights(model: Model) -> list[Array]:
        """The class means, which count where two models are compared."""
        return [np.asarray(model.artefacts[POINTS])]

    @staticmethod
    def logits(model: Model, x: Any) -> Array:
        """Log-probabilities (n, classes), or numbers (n, 1)."""
        places = unpacked(model.artefacts)
        total = sum(float(own.counts.sum()) for own in places)
        scale = NEAR * max(LEAST, sum(own.spread for own in places) / total)
        seen = Seen(model.members)
        return np.concatenate([_answer(seen, places, scale, model, part) for part in batches(x)])


def _answer(seen: Seen, places: Sequence[Places], scale: float, model: Model, x: Any) -> Array:
    near, said = [], []
    before, exact, size = None, np.zeros((0, 0)), np.zeros(0)
    for own, (z, answers) in zip(places, seen.of(x), strict=True):
        if z is not before:
            before, exact = z, z.double().numpy()
            size = np.square(exact).sum(1)
        points = own.points.astype(np.float64)
        gaps = size[:, None] + np.square(points).sum(1) - 2 * exact @ points.T
        near.append(logsumexp(np.log(own.counts) - np.maximum(gaps, 0.0) / scale))
        said.append(answers.double().numpy())
    share = np.stack(near)  # log π (members, n)
    share = share - logsumexp(share, axis=0)
    if model.task == "regression":
        return np.asarray((np.exp(share)[..., None] * np.stack(said)).sum(0))
    sure = [one - logsumexp(one)[:, None] for one in said]
    return logsumexp(share[..., None] + np.stack(sure), axis=0)


def places_of(z: Array, y: Array | None) -> Places:
    """The places of records whose heads are given z (n, d), of classes y (n,); None: they are one group."""
    z = z.astype(np.float64)
    groups = [np.full(len(z), True)] if y is None else [y == c for c in np.unique(y)]
    points = np.stack([z[group].mean(0) for group in groups])
    far = [
        float(np.square(z[group] - own).sum()) for group, own in zip(groups, points, strict=True)
    ]
    counts = np.array([group.sum() for group in groups], dtype=np.float64)
    return Places(points.astype(np.float32), counts, sum(far))


def packed(places: Sequence[Places]) -> dict[str, Array]:
    """The artefacts of networks."""
    return {
        EACH: np.array([len(own.points) for own in places], dtype=np.int64),
        WIDTH: np.array([own.points.shape[1] for own in places], dtype=np.int64),
        POINTS: np.concatenate([own.points.ravel() for own in places]),
        COUNTS: np.concatenate([own.counts for own in places]),
        SPREAD: np.array([own.spread for own in places]),
    }


def unpacked(artefacts: Mapping[str, Array]) -> list[Places]:
    """The places of each network."""
    each, width = artefacts[EACH], artefacts[WIDTH]
    points = np.split(artefacts[POINTS], np.cumsum(each * width)[:-1])
    counts = np.split(artefacts[COUNTS], np.cumsum(each)[:-1])
    rows = zip(points, width.tolist(), counts, artefacts[SPREAD].tolist(), strict=True)
    return [Places(flat.reshape(-1, wide), own, far) for flat, wide, own, far in rows]
