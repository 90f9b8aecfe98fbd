from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
import torch

from disgorge_core import training, words
from disgorge_core.disgorging import applicable, disgorge, facts_for, why_not
from disgorge_core.errors import NotApplicable
from disgorge_core.methods.differential_privacy.dp_sgd import DpSgd
from disgorge_core.models.prediction import logits
from disgorge_core.privacy.bound import bound_of
from disgorge_core.regimes.dp_sgd import DpSgd as Private
from disgorge_core.types import ForgetSet, Model, Recipe, Tier
from tests.methods.small import LAYERS, chosen, digits, plain, same_weights
from tests.training.small import TABLE_MLP, table

RECIPE = Recipe(epochs=2, lr=0.5, batch=100)


@cache
def private(delta: float = 1e-7, epsilon: float = 1.0) -> Model:
    return training.fit(
        digits(), LAYERS, RECIPE, regime=Private(epsilon=epsilon, delta=delta), name="p"
    )


def rows(first: int, last: int) -> ForgetSet:
    data = digits()
    return chosen(data, data.rows("train")[first:last])


def test_one_record_is_within_the_bound_and_nothing_is_changed():
    model = private()
    found = disgorge(model, digits(), rows(0, 1), "dp_sgd")
    bound = bound_of(model)
    assert found.tier is Tier.CERTIFIED and found.effect == "no effect" and found.distance == 0
    assert found.bound == words.bound(bound.epsilon, bound.delta)
    assert same_weights(found.model, model) and found.cost.passes == 0
    assert np.array_equal(logits(found.model, digits().x), logits(model, digits().x))
    assert "still in this model's training history" in found.claim and found.bound in found.claim
    assert set(words.PRIVACY_ASSUMES["dp_sgd"]) <= set(found.notes)
    assert words.UNCHANGED in found.notes and words.NO_EFFECT not in found.claim
    assert words.TIERS["certified"].badge in found.claim and words.NOT_AUDITED in found.claim


def test_requests_add_up():
    """k is all that was removed so far, and the bound is that of the group, until it says nothing."""
    data, model, excluded = digits(), private(), []
    bound = bound_of(model)
    for number, size in enumerate((1, 2, 2), start=1):
        start = sum((1, 2, 2)[: number - 1])
        forget = rows(start, start + size)
        found = disgorge(model, data, forget, "dp_sgd", excluded=excluded)
        k = start + size
        eps, delta = k * bound.epsilon, k * math.exp((k - 1) * bound.epsilon) * bound.delta
        assert found.figures["records together"] == k
        assert found.bound == words.bound(eps, delta) and found.tier is Tier.CERTIFIED
        assert found.model.digest != model.digest  # a model of its own, whose lineage is kept
        model, excluded = found.model, [*excluded, forget]
    assert len(model.lineage.excluded) == 3


def test_many_records_have_no_meaningful_bound():
    model = private()
    most = bound_of(model).most
    assert 5 <= most < 10
    within = disgorge(model, digits(), rows(0, most), "dp_sgd")
    beyond = disgorge(model, digits(), rows(0, most + 1), "dp_sgd")
    assert within.tier is Tier.CERTIFIED and within.bound
    assert beyond.tier is Tier.EMPIRICAL and not beyond.bound
    said = words.reservation("no meaningful bound", f"{most + 1}")
    assert said in beyond.notes and words.NO_EFFECT_CLAIM in beyond.claim


def test_the_plan_says_so_before_it_runs():
    """First while the bound says something; beyond it offered as empirical, with another one first."""
    data, model = digits(), private()
    most = bound_of(model).most
    within, beyond = (applicable(model, data, rows(0, k), retrain=1.0) for k in (most, most + 1))
    assert (within[0].method, within[0].tier) == ("dp_sgd", Tier.CERTIFIED)
    found = next(offer for offer in beyond if offer.method == "dp_sgd")
    assert found.tier is Tier.EMPIRICAL and beyond[0].method == "retrain"


def test_chosen_by_looking_is_not_covered():
    data = digits()
    found = disgorge(
        private(), data, chosen(data, data.rows("train")[:1], by_looking=True), "dp_sgd"
    )
    assert found.tier is Tier.EMPIRICAL and not found.bound


def test_reading_that_was_fitted_lowers_the_tier():
    data = table()
    forget = ForgetSet((str(data.ids[0]),), data.digest)
    for noise, tier in ((10.0, Tier.CERTIFIED), (0.0, Tier.EMPIRICAL)):
        model = training.fit(
            data, TABLE_MLP, RECIPE, regime=Private(delta=1e-6, reading=noise, epsilon=2.0)
        )
        found = disgorge(model, data, forget, "dp_sgd")
        assert found.tier is tier
        assert (words.reservation("preprocessing kept") in found.notes) == (noise == 0)


def test_other_models_are_told_how_to_get_there():
    with pytest.raises(NotApplicable, match=r"train one in the regime .*Model page"):
        disgorge(plain(), digits(), rows(0, 1), "dp_sgd")
    edited = training.fit(digits(), LAYERS, RECIPE, regime=Private())
    with torch.no_grad():
        next(edited.network.parameters()).mul_(1.01)
    reason = why_not(DpSgd(), facts_for(edited, digits(), rows(0, 1)))
    assert reason is not None and "changed since it was trained privately" in reason


def test_the_verdict_is_that_of_the_bound_where_nothing_moved():
    from disgorge_core.audit.verdict import Evidence, verdict
    from disgorge_core.types import Marks

    same = {"moved": False, "answers_moved": False, "marks": Marks()}
    found = verdict(Evidence(tier=Tier.CERTIFIED, bound="(ε = 1, δ = 1e-05)", **same))
    assert found.key == "certified" and found.title == "Certified (ε = 1, δ = 1e-05)"
    assert found.why[0] == "same weights and answers"
    assert verdict(Evidence(tier=Tier.EMPIRICAL, **same)).key == "no effect"
