"""Disgorge: check the request, run one method, and say what may be claimed for the result."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import numpy as np
import torch

from disgorge_core import words
from disgorge_core.accounting import FRESH, IN_PART, MADE, Account, tier_here
from disgorge_core.curvature import fit_curvature
from disgorge_core.data.forget_set import check
from disgorge_core.errors import BadForgetSet, BadModel, NotApplicable
from disgorge_core.methods.contract import Context, Facts, Method, facts_of, promise_for, tier_for
from disgorge_core.methods.differential_privacy.covered import REMOVED
from disgorge_core.models.backbones.whole import WHOLE
from disgorge_core.models.layers import WITH_WEIGHTS
from disgorge_core.models.prediction import inputs
from disgorge_core.params import make
from disgorge_core.registry import METHODS
from disgorge_core.training import regime_of
from disgorge_core.types import (
    Array,
    Dataset,
    Family,
    ForgetSet,
    Member,
    Model,
    Outcome,
    Recipe,
    Report,
    Tier,
    silent,
)

UNKNOWN_RECIPE = "The recipe is unknown: state the recipe on the Model page."
UNKNOWN_RECORDS = (
    "It is unknown which records the model was trained on: state them on the Model page."
)
TRAIN_AGAIN = (Family.RETRAINING, Family.COMPARTMENTALIZATION)
TIMED = 256  # records of one timed forward pass
TIMED_WHOLE = 8  # of one through a whole Hugging Face network
SECONDS_A_STEP = 0.0005  # of the optimiser itself
CHEAP = 30.0  # seconds of a full retrain that nobody minds


def disgorge(
    model: Model,
    data: Dataset,
    forget: ForgetSet,
    method: str,
    *,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    excluded: Sequence[ForgetSet] = (),
    report: Report = silent,
) -> Outcome:
    """A new model without the forget set, by one method; the input model stays as it is.

    `excluded` are the forget sets of earlier requests. Raises BadForgetSet for a set that is empty,
    everything or not of this dataset, and NotApplicable where the method does not apply.
    """
    facts = facts_for(model, data, forget, excluded)
    chosen: Method = make(METHODS[method], settings or {})
    reason = why_not(chosen, facts)
    if reason:
        raise NotApplicable(f"{chosen.title} does not apply here.", reason)
    before, started = replace(model).digest, time.perf_counter()  # a copy: digests are remembered
    change = chosen.run(_context(chosen, facts, seed, report))
    seconds = time.perf_counter() - started
    if replace(model).digest != before:
        raise BadModel(f"{chosen.title} changed the model that it was given.", "Open it again.")
    return Account(chosen, facts, forget, tuple(excluded), change, seconds, seed).outcome()


def facts_for(
    model: Model, data: Dataset, forget: ForgetSet, excluded: Sequence[ForgetSet] = ()
) -> Facts:
    """What is known before a method runs; raises BadForgetSet for a request that makes no sense."""
    missing = set(model.lineage.excluded) - {earlier.digest for earlier in excluded}
    if missing and not _free_of_earlier(model):
        raise BadForgetSet(
            "The model has earlier removals whose records are not known here.",
            "Pass the earlier forget sets as `excluded`.",
        )
    for one in (forget, *excluded):
        check(data, one)
    facts = facts_of(model, data, forget.mask(data), [one.mask(data) for one in excluded])
    if facts.n_forget == 0:
        raise BadForgetSet(
            "None of these records is in the training data of this model.", "Choose others."
        )
    if facts.n_keep == 0:
        raise BadForgetSet(
            "This would remove all training records.", "Delete the model, or choose fewer records."
        )
    return facts


def _free_of_earlier(model: Model) -> bool:
    """Whether `seen` leaves out all earlier removals: not so once weights were only edited, or left."""
    if model.lineage.origin.startswith(IN_PART):
        return False
    name = model.lineage.origin.removeprefix(MADE)
    if model.seen is None or REMOVED in model.artefacts:
        return False
    return name not in METHODS or METHODS[name].tier in FRESH


def why_not(method: Method, facts: Facts) -> str | None:
    """One sentence that says why a method does not apply; None if it does."""
    if facts.task not in method.tasks:
        return f"It works for {' and '.join(method.tasks)}, and this model does {facts.task}."
    if "recipe" in method.needs and facts.recipe is None:
        return UNKNOWN_RECIPE
    reason = method.why_not(facts)
    if reason is None and facts.model.seen is None and method.family in TRAIN_AGAIN:
        return UNKNOWN_RECORDS
    return reason


def _context(method: Method, facts: Facts, seed: int, report: Report) -> Context:
    """Everything a method may need; what costs something is made when it is called."""
    model, data = facts.model, facts.data
    rows = np.flatnonzero(facts.keep)
    l2 = facts.recipe.l2 if facts.recipe else 0.0
    curvature = partial(_curvature, model, data, rows, l2, report)
    return Context(
        needs=method.needs, seed=seed, report=report, model=model, data=data, forget=facts.forget,
        keep=facts.keep, recipe=cast(Recipe, facts.recipe), validation=facts.validation, spare=facts.spare,
        curvature=curvature,
    )  # fmt: skip


def _curvature(
    model: Model, data: Dataset, rows: Array, l2: float, report: Report, **settings: Any
) -> Any:
    return fit_curvature(model, data.take(rows), data.y[rows], l2=l2, report=report, **settings)


# --- which method -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Offer:
    """One method as the Plan page offers it; `reason` is filled for the recommended one only."""

    method: str
    title: str
    tier: Tier
    promise: str
    price: float  # expected cost as a share of one full training
    why_not: str | None = None
    reason: str = ""


def applicable(
    model: Model, data: Dataset, forget: ForgetSet, excluded: Sequence[ForgetSet] = (), *,
    retrain: float | None = None,
) -> list[Offer]:  # fmt: skip
    """All methods: the recommended first with its reason, then by tier, then those that do not apply.

    `retrain` is the forecast of a full retrain in seconds, where it was made already.
    """
    facts = facts_for(model, data, forget, excluded)
    offers = [_offer(METHODS[name](), facts) for name in METHODS]
    fits = [offer for offer in offers if offer.why_not is None]
    fits.sort(key=lambda offer: list(Tier).index(offer.tier))
    name, reason = recommended([offer.method for offer in fits], facts, retrain)
    first = [replace(offer, reason=reason) for offer in fits if offer.method == name]
    others = [offer for offer in fits if offer.method != name]
    return first + others + [offer for offer in offers if offer.why_not is not None]


def _offer(method: Method, facts: Facts) -> Offer:
    reason = why_not(method, facts)
    price = method.price(facts) if reason is None else float("nan")
    tier = method.tier  # where it does not apply: what it is called once one got there
    promise = method.promise if reason else promise_for(method, facts)
    if reason is None:
        here = tier_here(method, facts.model), tier_for(method, facts)
        tier = max(here, key=list(Tier).index)
    return Offer(method.name, method.title, tier, promise, price, reason)


def recommended(fits: Sequence[str], facts: Facts, retrain: float | None = None) -> tuple[str, str]:
    """The first method to try among those that apply (strongest tier first), and why."""
    if "statistics" in fits:
        return "statistics", words.REASONS["statistics"]
    prepared = prepared_for(facts)
    if prepared in fits:
        title = METHODS[prepared].title
        return prepared, words.REASONS["prepared"].format(title=f"{title[0].lower()}{title[1:]}")
    if retrain is None:
        retrain = seconds_to_retrain(facts) if "retrain" in fits else np.inf
    if "newton" in fits and is_convex(facts.model) and retrain >= CHEAP:
        return "newton", words.REASONS["newton"]
    if "retrain" in fits:
        cheap = retrain < CHEAP or "compressed_retrain" not in fits
        name = "retrain" if cheap else "compressed_retrain"
        return name, words.REASONS[name].format(seconds=words.duration(retrain))
    blocks = METHODS[fits[0]].tier is Tier.SUPPRESSED
    return fits[0], words.REASONS["suppressed" if blocks else "empirical"]


def prepared_for(facts: Facts) -> str:
    """The removal that the model's regime was arranged for; "" where it holds back answers or covers less."""
    regime = regime_of(facts.model)
    if regime is None or regime.name == "plain":
        return ""
    method: Method = METHODS[regime.method]()
    here = tier_for(method, facts)
    kept = here in (method.tier, Tier.CERTIFIED) and here is not Tier.SUPPRESSED
    return regime.method if kept else ""


def is_convex(model: Model) -> bool:
    """Whether the model is a single linear layer."""
    layers = [layer for layer in model.layers or () if layer.kind in WITH_WEIGHTS]
    return len(model.members) == 1 and [layer.kind for layer in layers] == ["linear"]


def seconds_to_retrain(facts: Facts) -> float:
    """A rough forecast for this machine."""
    timed = TIMED_WHOLE if facts.model.preprocessing.kind == WHOLE else TIMED
    x = facts.data.take(np.flatnonzero(facts.keep)[:timed])
    recipe = facts.recipe or Recipe(epochs=1)
    epochs = 1 if facts.model.regime == "closed form" else recipe.epochs
    return training_seconds(facts.model.members[0], x, facts.n_keep, epochs, recipe.batch)


def training_seconds(member: Member, x: Any, records: int, epochs: int, batch: int) -> float:
    """What a training takes here, from some raw records x: a step costs three passes and half a millisecond.

    Pictures are scaled anew in each step, tables and texts are read once.
    """
    reading = _timed(lambda: inputs(member, x)) / len(x)
    z = inputs(member, x)
    with torch.inference_mode():
        forward = _timed(lambda: member.network(z)) / len(x)
    steps = epochs * records * (3 * forward + SECONDS_A_STEP / batch)
    often = 3 * epochs if member.preprocessing.kind == "image" else 1
    return steps + often * records * reading


def _timed(work: Callable[[], object]) -> float:
    """Seconds of the second of two runs: the first one pays for allocations."""
    work()
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
