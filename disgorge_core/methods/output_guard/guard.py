"""Withhold the answer for inputs close to a removed record; the weights stay as they are.

Formula: an input x gets equal logits when ‖z(x) - z(f)‖₂ ≤ r_f for some removed record f, where z is the
network's own input, or for texts the input of its last layer, and r_f = c · min_{r ∈ R} ‖z(f) - z(r)‖₂
with a fraction c below 1.
Source: output filters as compared in Thaker et al. (arXiv 2403.03329); the radius rule is our own.
Guarantee: every removed record's answer is withheld, and no kept record's is, unless it is identical
to a removed one; all other answers are unchanged, to the last bit.
Fails when: someone has the weights, asks with a changed input (crop, noise, paraphrase), or reads what
the model learnt from the records off other inputs. It removes nothing, and holds copies of the
removed records' inputs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from disgorge_core.methods.contract import Context, Facts
from disgorge_core.models.prediction import places
from disgorge_core.params import param
from disgorge_core.registry import METHODS, RULES
from disgorge_core.types import Array, Change, Family, Tier, Timing

CHUNK = 256  # removed records whose distances are taken at once


@METHODS.register
@dataclass(frozen=True)
class Guard:
    """An output rule that withholds answers near the removed records."""

    name = "guard"
    title = "Withhold answers about the records"
    family = Family.OUTPUT_GUARD
    timing = Timing.REACTIVE
    tier = Tier.SUPPRESSED
    needs = ("model", "data", "forget", "keep")
    tasks = ("classification",)
    order = 900
    promise = (
        "Blocks the model's answers for inputs close to the records and keeps copies of those inputs to "
        "do so; the weights stay as they are and nothing is removed."
    )

    fraction: float = param(
        0.5, help="Reach, as a share of the distance to the nearest kept record", min=0.0, max=0.99
    )

    def why_not(self, facts: Facts) -> str | None:
        """Applies to every classifier whose networks answer."""
        if RULES[facts.model.rule].behind == "mean":
            return None
        return f"The model answers by {RULES[facts.model.rule].says}, which a guard would replace."

    def price(self, facts: Facts) -> float:
        """No training at all."""
        return 0.0

    def run(self, context: Context) -> Change:
        """Add one guard point for each removed record."""
        removed = _flat(context, context.forget)
        kept = _flat(context, context.keep)
        radius = self.fraction * nearest(removed, kept)
        found = {"guard_points": removed.numpy(), "guard_radius": radius.astype(np.float32)}
        old = context.model.artefacts
        if "guard_points" in old:
            found = {name: np.concatenate([old[name], found[name]]) for name in found}
        model = replace(context.model, rule="guard", artefacts={**old, **found})
        figures = {"points": len(removed), "median reach": float(np.median(radius))}
        return Change(model, 0.0, figures=figures)


def nearest(points: torch.Tensor, others: torch.Tensor) -> Array:
    """Distance (m,) of each point to the nearest of the others, without rounding by matrix products."""
    parts = [
        torch.cdist(part, others, compute_mode="donot_use_mm_for_euclid_dist").min(1).values
        for part in points.split(CHUNK)
    ]
    return torch.cat(parts).numpy()


def _flat(context: Context, mask: Array) -> torch.Tensor:
    x = context.data.take(np.flatnonzero(mask))
    return places(context.model.members[0], x)
