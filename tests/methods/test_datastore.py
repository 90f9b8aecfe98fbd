"""A store after a removal is, bit for bit, the store that never held the records."""

from __future__ import annotations

import pytest

from disgorge_core import training
from disgorge_core.disgorging import disgorge
from disgorge_core.errors import NotApplicable
from disgorge_core.models.prediction import logits
from disgorge_core.regimes.datastore import Datastore
from disgorge_core.types import Model, Tier
from tests.methods.small import LAYERS, RECIPE, chosen, digits, first, plain, without
from tests.training.small import same


def store() -> Model:
    return training.fit(digits(), LAYERS, RECIPE, regime=Datastore(3))


def test_it_is_the_store_that_never_held_the_records():
    data, model = digits(), store()
    found = disgorge(model, data, first(data), "datastore")
    assert same(
        found.model, training.fit(without(data, first(data)), LAYERS, RECIPE, regime=Datastore(3))
    )
    assert found.tier is Tier.ISOLATED and found.figures["rows deleted"] == 15
    assert found.cost.passes == pytest.approx(285 / 3)


def test_a_record_alone_is_known_by_itself_and_unknown_without():
    """With one neighbour each stored record answers for itself; a wrong label goes with its record."""
    data = digits(15)
    model = training.fit(data, LAYERS, RECIPE, regime=Datastore(1))
    rows = data.rows("train")[:15]
    assert (logits(model, data.take(rows)).argmax(1) == data.y[rows]).all()
    after = disgorge(model, data, first(data), "datastore").model
    assert (logits(after, data.take(rows)).argmax(1) == data.y[rows]).mean() < 0.2


def test_requests_chain():
    data, model = digits(), store()
    one, two = first(data, 5), chosen(data, data.rows("train")[20:30])
    once = disgorge(model, data, one, "datastore").model
    twice = disgorge(once, data, two, "datastore", excluded=[one]).model
    assert same(twice, training.fit(data, LAYERS, RECIPE, exclude=one | two, regime=Datastore(3)))


def test_a_plain_model_is_told_how_to_get_there():
    with pytest.raises(NotApplicable, match="no store"):
        disgorge(plain(), digits(), first(digits()), "datastore")


def test_other_methods_do_not_mistake_its_idle_network_for_the_model():
    for method in ("finetune", "guard", "influence_step", "newton"):
        with pytest.raises(NotApplicable):
            disgorge(store(), digits(), first(digits()), method)
