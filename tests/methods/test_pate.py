from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from disgorge_core import training, words
from disgorge_core.disgorging import disgorge
from disgorge_core.errors import NotApplicable
from disgorge_core.models.prediction import logits
from disgorge_core.privacy.bound import bound_of
from disgorge_core.regimes.pate import Pate
from disgorge_core.types import Model, Tier
from tests.methods.small import LAYERS, RECIPE, chosen, digits, first, plain, same_weights


@cache
def student(epsilon: float) -> Model:
    regime = Pate(teachers=5, epsilon=epsilon, queries=60, delta=1e-7)
    return training.fit(digits(), LAYERS, RECIPE, regime=regime, name="student")


def test_few_records_are_within_the_bound_and_nothing_is_changed():
    data, model = digits(), student(0.5)
    forget = chosen(data, data.rows("train")[:3])
    found = disgorge(model, data, forget, "pate")
    eps, delta = bound_of(model).group(3)
    assert found.tier is Tier.CERTIFIED and found.bound == words.bound(eps, delta)
    assert found.distance == 0 and same_weights(found.model, model)
    assert np.array_equal(logits(found.model, data.x), logits(model, data.x))
    assert words.reservation("votes seen") in found.notes
    assert set(words.PRIVACY_ASSUMES["pate"]) <= set(found.notes)
    assert words.UNCHANGED in found.claim


def test_more_than_the_bound_covers():
    data, model = digits(), student(3.0)
    assert bound_of(model).most < 15
    found = disgorge(model, data, first(data), "pate")
    assert found.tier is Tier.EMPIRICAL and not found.bound
    assert any("no meaningful bound for 15 records" in note for note in found.notes)


def test_inputs_of_the_validation_split_are_not_among_what_can_be_removed():
    data = digits()
    seen = set(student(0.5).seen)
    assert seen == set(map(str, data.ids[data.rows("train")]))


def test_other_models_are_told_how_to_get_there():
    with pytest.raises(NotApplicable, match=r"Private votes.*Model page"):
        disgorge(plain(), digits(), first(digits()), "pate")
