"""Fit the curvature of a model's mean loss: dense where it is small, else EK-FAC."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from disgorge_core.curvature.dense import fit_dense
from disgorge_core.curvature.ekfac import fit_ekfac
from disgorge_core.curvature.kfac import KFac, kfac_of
from disgorge_core.curvature.records import Single, single, trained_part
from disgorge_core.curvature.sites import Capture
from disgorge_core.errors import BadModel, BadParam, NotApplicable
from disgorge_core.types import Array, Model, Progress, Report, silent

KINDS = ("auto", "dense", "ekfac", "head")
DENSE_LIMIT = 2_500  # weights up to which the whole matrix is built
LARGEST = 10_000  # weights up to which it can be asked for
RECORDS = 2_048  # records that EK-FAC is estimated on, evenly spaced over those given
COORDINATES = 2_048  # coordinates of the eigenbasis that scores are made of


class Curvature(Protocol):
    """What both kinds offer; vectors are keyed as the network's named parameters."""

    @property
    def part(self) -> str:
        """Which weights it covers: "all" or "head"."""
        ...

    @property
    def passes(self) -> float:
        """Record-passes that it took."""
        ...

    @property
    def kind(self) -> str:
        """ "dense" or "ekfac"."""
        ...

    def multiply(self, vector: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """(H + damping) v."""
        ...

    def solve(self, vector: Mapping[str, Tensor], kept: bool = False) -> dict[str, Tensor]:
        """(H + damping)⁻¹ v."""
        ...

    def sample(self, generator: torch.Generator) -> dict[str, Tensor]:
        """One draw from N(0, (H + damping)⁻¹)."""
        ...

    def diagonal(self) -> dict[str, Tensor]:
        """Diagonal of H, with L2 and without damping."""
        ...

    def whiten(self, seen: Capture, slope: Tensor) -> Tensor:
        """Features (n, k) of per-sample gradients with inner products gᵀ (H + damping)⁻¹ g'."""
        ...


def fit_curvature(
    model: Model,
    x: Any,
    y: Array,
    *,
    l2: float,
    kind: str = "auto",
    damping: float | None = None,
    coordinates: int = COORDINATES,
    report: Report = silent,
) -> Curvature:
    """Curvature of the mean loss over raw records x, y plus ½ l2 ‖θ‖² at the model's weights.

    kind: "dense", "ekfac", "head" (dense, of the last linear layer), "auto" (dense up to 2,500 weights).
    damping: share of the mean eigenvalue added before inverting; None: 0.1, and 0 for a model that is
    linear in its weights with l2 > 0. Raises BadParam, NotApplicable.
    """
    part = _part(model, kind)
    one = single(model, part)
    dense = _dense(one, kind)
    if dense:
        batches = _Reported(one, x, y, report)
        linear = len(one.sites) == 1 and isinstance(one.sites[0].module, nn.Linear)
        return fit_dense(
            one,
            batches,
            n=len(y),
            l2=l2,
            damping=damping,
            part=part,
            linear=linear and kind != "head",
        )
    batches = _some(one, x, y, report)
    return fit_ekfac(
        one, batches, n=len(batches), l2=l2, damping=damping, coordinates=coordinates, part=part
    )


def fit_kfac(
    model: Model, x: Any, y: Array, *, l2: float, damping: float, report: Report = silent
) -> KFac:
    """K-FAC of the mean loss over raw records x, y, for scores; `damping` is its δ. Raises NotApplicable."""
    part = trained_part(model)
    one = single(model, part)
    batches = _some(one, x, y, report)
    return kfac_of(one, batches, n=len(batches), l2=l2, damping=damping, part=part)


def why_no_curvature(model: Model, kind: str = "auto") -> str | None:
    """One sentence that says why a model has no curvature of a kind; None if it has."""
    try:
        _dense(single(model, _part(model, kind)), kind)
    except (NotApplicable, BadModel) as error:
        return str(error)
    return None


def _part(model: Model, kind: str) -> str:
    if kind not in KINDS:
        raise BadParam(f"There is no curvature {kind!r}.", f"Choose one of {list(KINDS)}.")
    return "head" if kind == "head" else trained_part(model)


def _dense(one: Single, kind: str) -> bool:
    """Whether the whole matrix is built; raises NotApplicable where it is asked for and too large."""
    size = sum(p.numel() for site in one.sites for p in site.parameters.values())
    asked = kind in ("dense", "head")
    if asked and size > LARGEST:
        raise NotApplicable(
            f"A full matrix of curvature for {size:,} weights is too large.", "Choose EK-FAC."
        )
    return asked or (kind == "auto" and size <= DENSE_LIMIT)


def _some(one: Single, x: Any, y: Array, report: Report) -> _Reported:
    """At most RECORDS of the records, evenly spaced."""
    rows = np.unique(np.linspace(0, len(y) - 1, min(RECORDS, len(y))).astype(np.int64))
    return _Reported(one, _take(x, rows), y[rows], report)


def _take(x: Any, rows: Array) -> Any:
    return x.iloc[rows] if hasattr(x, "iloc") else x[rows]


class _Reported:
    """Batches that say how far they are; called once for each pass. Texts are read once for all."""

    def __init__(self, one: Single, x: Any, y: Array, report: Report) -> None:
        self._one, self._x, self._y, self._report = one, x, y, report
        self._kept: list[tuple[Tensor, Tensor]] = []

    def __len__(self) -> int:
        return len(self._y)

    def __call__(self) -> Iterator[tuple[Tensor, Tensor]]:
        done = 0
        if not self._kept and self._one.member.preprocessing.kind == "text":
            self._kept = list(self._one.batches(self._x, self._y))
        for z, t in self._kept or self._one.batches(self._x, self._y):
            yield z, t
            done += len(z)
            self._report(Progress(done / len(self._y), "measuring curvature"))
