"""How the weights move when records leave the mean loss, to first order.

Leaving out F turns the mean gradient of D into that of R, a change of -(1/|R|) Σ_F (∇ℓ_i - mean_D ∇ℓ).
The weights follow with Δθ = (1/|R|) H⁻¹ Σ_F (∇ℓ_i - mean_D ∇ℓ): up the gradient of what is removed. At an
optimum mean_D ∇ℓ = -l2 θ; where training stopped early, subtracting the mean keeps what is only a lack of
training out of the estimate.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from disgorge_core.curvature.fit import Curvature
from disgorge_core.curvature.gradients import mean_gradient
from disgorge_core.errors import BadForgetSet
from disgorge_core.types import Array, Dataset, Member, Model


def removal_direction(
    model: Model, data: Dataset, forget: Array, keep: Array, curvature: Curvature
) -> dict[str, Tensor]:
    """Estimated change of the weights when the rows of `forget` leave and those of `keep` (n,) stay.

    Raises BadForgetSet where one of the two is empty.
    """
    if not forget.any() or not keep.any():
        raise BadForgetSet(
            "Records to remove and records to keep are both needed.", "Choose some, but not all."
        )
    gone, left = (_mean(model, data, mask, curvature.part) for mask in (forget, keep))
    # (1/|R|) Σ_F (∇ℓ - mean_D) = (|F|/|D|) (mean_F - mean_R)
    share = forget.sum() / (forget.sum() + keep.sum())
    return curvature.solve({name: float(share) * (gone[name] - left[name]) for name in gone})


def _mean(model: Model, data: Dataset, mask: Array, part: str) -> dict[str, Tensor]:
    rows = mask.nonzero()[0]
    return mean_gradient(model, data.take(rows), data.y[rows], 0.0, part)


def moved(model: Model, direction: Mapping[str, Tensor], step: float = 1.0) -> Model:
    """The one-network model with `step` times a parameter direction added to its weights."""
    member = model.members[0]
    network = copy.deepcopy(member.network)
    weights = dict(network.named_parameters())
    with torch.no_grad():
        for name, change in direction.items():
            weights[name].add_(change, alpha=step)
    return replace(model, members=(Member(network, member.preprocessing),))
