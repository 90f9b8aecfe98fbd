"""What the removals of privately trained models share: k records are covered by the bound, or are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from disgorge_core import words
from disgorge_core.methods.contract import Context, Facts, seen_by
from disgorge_core.privacy.bound import bound_of
from disgorge_core.types import Array, Change, Dataset, Model, Tier

REMOVED = "privacy_removed"  # artefact: how many records were removed so far


def why_not_covered(facts: Facts, regime: str, title: str) -> str | None:
    """Needs a model of that regime whose weights are as they were trained."""
    if facts.regime != regime:
        return f"The model was not trained so: train one in the regime {title!r} on the Model page."
    if bound_of(facts.model) is None:
        return "Its weights were changed since it was trained privately: train it again on the Model page."
    return None


def tier_within(facts: Facts) -> Tier:
    """Certified while the bound says something of all that was removed so far, else empirical."""
    bound, k = bound_of(facts.model), removed_so_far(facts.model, facts.data, facts.keep)
    return Tier.CERTIFIED if bound is None or bound.meaningful(k) else Tier.EMPIRICAL


def removed_so_far(model: Model, data: Dataset, keep: Array) -> int:
    """Records of its training that are to be gone, those of earlier requests among them."""
    return int((seen_by(model, data) & ~keep).sum())


def within_bound(context: Context, *more: str) -> Change:
    """The model as it is, with what its bound says of all records that were removed so far, and `more`."""
    k = removed_so_far(context.model, context.data, context.keep)
    bound = bound_of(context.model)
    assert bound is not None
    kept = {**context.model.artefacts, REMOVED: np.array([k])}
    model = replace(context.model, artefacts=kept)
    figures = {"records together": k, "most records": bound.most, "epsilon of one": bound.epsilon}
    notes = (words.UNCHANGED, *words.PRIVACY_ASSUMES[context.model.regime], *more)
    if not bound.meaningful(k):
        said = words.reservation("no meaningful bound", f"{k:,}")
        return Change(model, 0.0, Tier.EMPIRICAL, notes=(said, *notes), figures=figures)
    eps, delta = bound.group(k)
    figures |= {"epsilon": eps, "delta": delta}
    return Change(model, 0.0, notes=notes, figures=figures, bound=words.bound(eps, delta))
