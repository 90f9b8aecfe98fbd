"""Removal where only the head is trained: methods work, and the claim names the backbone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import disgorge_core as dg
from disgorge_core import disgorging, verbs
from disgorge_core.errors import BadParam
from disgorge_core.models.loading import load_model
from disgorge_core.models.prediction import logits
from disgorge_core.regimes.adapters import Adapters
from disgorge_core.regimes.sharded import Sharded
from disgorge_core.types import Model, Recipe, Tier
from disgorge_core.words import RESERVATIONS

RECIPE = Recipe(epochs=30, lr=0.5, batch=16, l2=1e-2)
METHODS = ("retrain", "newton", "finetune", "gradient_ascent", "neg_grad_plus")


@pytest.fixture(scope="module")
def model(bert_folder, stories) -> Model:
    return load_model(bert_folder, stories, recipe=RECIPE, trained_on="train")


@pytest.fixture(scope="module")
def trained(model, stories) -> Model:
    return dg.fit(stories, architecture=model, recipe=RECIPE)


@pytest.fixture(scope="module")
def forget(stories):
    return dg.ForgetSet.of(stories, stories.ids[stories.rows("train")[:6]])


def test_a_retrained_head_is_fresh_but_the_claim_is_that_of_the_backbone(trained, stories, forget):
    found = dg.disgorge(trained, stories, forget, "retrain", seed=3)
    assert found.tier is Tier.EMPIRICAL and RESERVATIONS["head rebuilt"] in found.claim
    assert set(found.model.seen) == set(trained.seen) - set(forget.ids)
    assert found.model.lineage.trained_on == "known"
    again = dg.ForgetSet.of(stories, stories.ids[stories.rows("train")[6:8]])
    second = dg.disgorge(found.model, stories, again, "retrain", seed=3, excluded=[forget])
    assert not set(second.model.seen) & {*forget.ids, *again.ids}


@pytest.mark.parametrize("method", METHODS)
def test_methods_move_the_head_and_only_it(method, trained, stories, forget):
    before = trained.preprocessing.backbone.digest
    found = dg.disgorge(trained, stories, forget, method)
    assert found.model.preprocessing.backbone.digest == before
    assert found.tier is Tier.EMPIRICAL and "history" in found.claim
    assert found.effect == "moved" and np.isfinite(logits(found.model, stories.x)).all()


def test_an_uploaded_head_of_unknown_records_says_so_too(model, stories, forget):
    found = dg.disgorge(model, stories, forget, "finetune")
    assert RESERVATIONS["backbone unknown"] in found.claim


def test_a_method_is_offered_for_what_it_can_be_here(trained, stories, forget):
    offers = disgorging.applicable(trained, stories, forget)
    tiers = {offer.method: offer.tier for offer in offers}
    assert tiers["retrain"] is Tier.EMPIRICAL and tiers["guard"] is Tier.SUPPRESSED


def test_newton_lands_where_retraining_does(trained, stories, forget):
    """The head is convex: one step takes off most of the way to a head that never saw the records."""
    recipe = dg.Recipe(epochs=400, lr=0.5, batch=1000, l2=0.1)
    plain = trained.layers[1:]  # without dropout, which has no optimum
    base = replace(trained, layers=plain)
    full = dg.fit(stories, architecture=base, recipe=recipe)
    without = dg.fit(stories, architecture=base, recipe=recipe, exclude=forget)
    step = dg.disgorge(full, stories, forget, "newton", step=1.0).model
    weights = [m.network.classifier.weight.detach().numpy() for m in (full, without, step)]
    gap, left = (np.linalg.norm(w - weights[1]) for w in (weights[0], weights[2]))
    assert left < 0.05 * gap


def test_influence_ranks_the_head(trained, stories):
    scores = verbs.influence(trained, stories, "test")
    assert scores.matrix.shape == (len(stories.rows("train")), len(stories.rows("test")))
    assert np.isfinite(scores.matrix).all() and scores.matrix.std() > 0


def test_shards_stand_on_one_backbone(trained, stories, forget):
    from disgorge_core import training

    sharded = training.fit(stories, trained, RECIPE, regime=Sharded(3))
    assert len({m.preprocessing.backbone.digest for m in sharded.members}) == 1
    found = dg.disgorge(sharded, stories, forget, "sisa")
    assert found.tier is Tier.EMPIRICAL and not set(found.model.seen) & set(forget.ids)


def test_adapters_stand_on_one_backbone_and_leave_as_if_they_had_never_been(
    trained, stories, forget
):
    from disgorge_core import training

    owner = np.array(["ann", "bob", "cy"])[np.arange(len(stories)) % 3]
    data = replace(stories, meta=stories.meta.assign(owner=owner))
    model = training.fit(data, trained, RECIPE, regime=Adapters("owner"))
    assert len({m.preprocessing.backbone.digest for m in model.members}) == 1
    found = dg.disgorge(model, data, forget, "adapters")
    assert found.tier is Tier.EMPIRICAL and "history" in found.claim
    never = training.fit(data, trained, RECIPE, regime=Adapters("owner"), exclude=forget)
    assert found.model.digest == never.digest != model.digest
    assert np.isfinite(logits(found.model, data.x)).all()


def test_pictures_are_not_changed_at_random_before_a_fixed_backbone(trained, stories):
    with pytest.raises(BadParam, match="random"):
        dg.fit(stories, architecture=trained, recipe=replace(RECIPE, augment="flip"))
