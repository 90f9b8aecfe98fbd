"""Removal of drawn records: drawn again without them, or nothing where a private fit covers them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from disgorge_core import training, words
from disgorge_core.disgorging import applicable, disgorge, facts_for
from disgorge_core.errors import BadForgetSet, NotApplicable
from disgorge_core.methods.dataset_emulation.synthesize import Synthesize
from disgorge_core.models.saved import load_model_folder, save_model
from disgorge_core.privacy.bound import bound_of
from disgorge_core.regimes.synthesized import Synthesized
from disgorge_core.types import Dataset, ForgetSet, Model, Tier
from disgorge_core.words import PRIVACY_ASSUMES, RESERVATIONS
from tests.methods.small import LAYERS, RECIPE, chosen, digits, first, plain, without
from tests.training.small import TABLE_MLP, same, table

SHORT = replace(RECIPE, epochs=2)
OPEN = Synthesized()
PRIVATE = Synthesized(private=True, epsilon=0.5, delta=1e-9)


def second(data: Dataset) -> ForgetSet:
    return chosen(data, data.rows("train")[20:25])


@cache
def private() -> Model:
    return training.fit(digits(), LAYERS, SHORT, regime=PRIVATE, name="private")


@pytest.mark.parametrize(("make", "layers"), [(digits, LAYERS), (table, TABLE_MLP)])
@pytest.mark.parametrize("regime", [OPEN, replace(PRIVATE, epsilon=20.0)])
def test_it_is_the_model_that_never_held_the_records(make, layers, regime):
    """Bit for bit, twice in a row; by a private fit as well where its bound says nothing of so many."""
    data = make()
    model = training.fit(data, layers, SHORT, regime=regime)
    found = disgorge(model, data, first(data), "synthesize")
    assert same(found.model, training.fit(data, layers, SHORT, exclude=first(data), regime=regime))
    assert not same(found.model, model) and found.tier is Tier.REBUILT
    if not regime.private:  # how many records there are is known to all where it is private
        assert same(
            found.model, training.fit(without(data, first(data)), layers, SHORT, regime=regime)
        )
    after = disgorge(found.model, data, second(data), "synthesize", excluded=[found.forget]).model
    both = first(data) | second(data)
    assert same(after, training.fit(data, layers, SHORT, exclude=both, regime=regime))


def test_what_it_costs_is_what_was_promised(tmp_path):
    data = digits()
    model = training.fit(data, LAYERS, SHORT, regime=OPEN)
    found = disgorge(model, data, first(data), "synthesize")
    assert found.cost.of_full == pytest.approx(285 / 300)
    assert Synthesize().price(facts_for(model, data, first(data))) == pytest.approx(285 / 300)
    assert found.figures["records drawn"] == 285
    save_model(found.model, tmp_path / "m")
    assert load_model_folder(tmp_path / "m").digest == found.model.digest


def test_a_class_may_go_as_a_whole():
    data = digits()
    forget = chosen(data, data.rows("train")[data.y[data.rows("train")] == 3])
    model = training.fit(data, LAYERS, SHORT, regime=OPEN)
    found = disgorge(model, data, forget, "synthesize")
    assert same(found.model, training.fit(data, LAYERS, SHORT, exclude=forget, regime=OPEN))


def test_without_a_private_fit_nothing_is_said_of_privacy():
    data = digits()
    model = training.fit(data, LAYERS, SHORT, regime=OPEN)
    found = disgorge(model, data, first(data), "synthesize")
    assert RESERVATIONS["emulated"] in found.notes and not found.bound and "ε" not in found.claim
    assert bound_of(model) is None and bound_of(found.model) is None
    assert "privacy" not in model.artefacts
    (offer,) = [o for o in applicable(model, data, first(data)) if o.method == "synthesize"]
    assert offer.tier is Tier.REBUILT and offer.price > 0.9


def test_few_records_are_within_the_bound_and_nothing_is_changed():
    data, model = digits(), private()
    found = disgorge(model, data, first(data, 10), "synthesize")
    eps, delta = bound_of(model).group(10)
    assert eps == pytest.approx(5.0)
    assert found.tier is Tier.CERTIFIED and found.bound == words.bound(eps, delta)
    assert found.distance == 0 and found.cost.passes == 0 and words.UNCHANGED in found.claim
    assert set(PRIVACY_ASSUMES["synthesized"]) <= set(found.notes)
    offer = applicable(model, data, first(data, 10))[0]
    assert (offer.method, offer.tier, offer.price) == ("synthesize", Tier.CERTIFIED, 0.0)


def test_where_the_bound_ends_records_are_drawn_again():
    """All that were removed so far count; a model that was left as it is does not pass as free of them."""
    data, model = digits(), private()
    rested = disgorge(model, data, first(data, 10), "synthesize")
    with pytest.raises(BadForgetSet, match="earlier removals"):
        disgorge(rested.model, data, second(data), "synthesize")
    more = chosen(data, data.rows("train")[10:30])
    found = disgorge(rested.model, data, more, "synthesize", excluded=[rested.forget])
    assert found.tier is Tier.REBUILT and not found.bound and found.distance > 0
    both = first(data, 10) | more
    assert same(found.model, training.fit(data, LAYERS, SHORT, exclude=both, regime=PRIVATE))
    assert bound_of(found.model) == bound_of(model) and "ε" not in found.claim
    assert RESERVATIONS["emulated"] not in found.notes


def test_drawing_again_may_be_asked_for_and_an_edited_model_has_no_bound():
    data, model = digits(), private()
    asked = disgorge(model, data, first(data), "synthesize", settings={"again": True})
    assert asked.tier is Tier.REBUILT and asked.distance > 0
    edited = training.fit(data, LAYERS, SHORT, regime=PRIVATE)
    with torch.no_grad():
        next(edited.network.parameters()).mul_(1.1)
    found = disgorge(edited, data, first(data), "synthesize")
    assert same(found.model, asked.model) and np.isfinite(found.distance)


def test_other_models_are_told_how_to_get_there():
    with pytest.raises(NotApplicable, match=r"Made-up records.*Model page"):
        disgorge(plain(), digits(), first(digits()), "synthesize")
