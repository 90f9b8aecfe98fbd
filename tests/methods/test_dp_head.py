from __future__ import annotations

from functools import cache

import pytest

from disgorge_core import training, words
from disgorge_core.disgorging import disgorge
from disgorge_core.errors import NotApplicable
from disgorge_core.privacy.bound import bound_of
from disgorge_core.regimes.dp_head import DpHead
from disgorge_core.types import Model, Recipe, Tier
from tests.methods.small import chosen, digits, first, plain, same_weights


@cache
def head(**settings: object) -> Model:
    regime = DpHead(**{"epsilon": 0.5, "delta": 1e-9, **settings})
    return training.fit(digits(), "linear", Recipe(), regime=regime, name="head")


def test_few_records_are_within_the_bound_and_nothing_is_changed():
    data, model = digits(), head()
    found = disgorge(model, data, first(data), "dp_head")
    eps, delta = bound_of(model).group(15)
    assert eps == pytest.approx(7.5)
    assert found.tier is Tier.CERTIFIED and found.bound == words.bound(eps, delta)
    assert found.distance == 0 and same_weights(found.model, model)
    assert found.cost.passes == 0 and words.UNCHANGED in found.claim


def test_without_a_delta_the_limit_is_ten_over_epsilon():
    data, model = digits(), head(kind="pure", delta=0.0, epsilon=2.0)
    for k, tier in ((5, Tier.CERTIFIED), (6, Tier.EMPIRICAL)):
        found = disgorge(model, data, chosen(data, data.rows("train")[:k]), "dp_head")
        assert found.tier is tier
        assert found.bound == (words.bound(10.0, 0.0) if k == 5 else "")


def test_a_fresh_training_has_a_bound_of_its_own():
    data = digits()
    again = disgorge(head(), data, first(data, 3), "retrain")
    assert again.tier is Tier.REBUILT and bound_of(again.model) == bound_of(head())
    found = disgorge(
        again.model, data, chosen(data, data.rows("train")[3:5]), "dp_head", excluded=[again.forget]
    )
    assert found.figures["records together"] == 2  # the first three were never seen by this model


def test_other_models_are_told_how_to_get_there():
    with pytest.raises(NotApplicable, match=r"Private head.*Model page"):
        disgorge(plain(), digits(), first(digits()), "dp_head")
