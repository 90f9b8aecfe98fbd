"""A rewound model is, bit for bit, its whole log followed from the start without the records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from disgorge_core import sharding_plan, training
from disgorge_core.disgorging import disgorge, facts_for, why_not
from disgorge_core.errors import NotApplicable
from disgorge_core.methods.retraining.rewind import Rewind
from disgorge_core.regimes.logged import Logged, replay
from disgorge_core.types import Dataset, ForgetSet, Model, Tier
from disgorge_core.words import RESERVATIONS
from tests.methods.small import (
    LAYERS,
    RECIPE,
    chosen,
    digits,
    first,
    logged,
    plain,
    same_weights,
    without,
)

Run = Callable[[Model, Dataset, ForgetSet], Model]


def rewind(model: Model, data: Dataset, forget: ForgetSet) -> Model:
    return disgorge(model, data, forget, "rewind").model


def late(n: int = 10) -> ForgetSet:
    """Records of the last arrival: rows came in their order."""
    return chosen(digits(15), digits(15).rows("train")[-n:])


def slow(forget: ForgetSet) -> Model:
    """All of the log, from its start, without the records."""
    data = digits(15)
    train = data.split == 0
    return replay(logged(), data, train, train & ~forget.mask(data), begin=0)


def proof(run: Run) -> None:
    data = digits(15)
    for forget in (late(), first(data), chosen(data, data.rows("train")[[3, 160, 290]])):
        assert same_weights(run(logged(), data, forget), slow(forget))


def test_it_is_the_whole_log_followed_without_the_records():
    proof(rewind)


def test_it_is_no_new_training_and_says_so():
    data = digits(15)
    found = disgorge(logged(), data, late(), "rewind")
    fresh = training.fit(without(data, late()), LAYERS, RECIPE, regime=Logged("near", stages=4))
    assert not same_weights(found.model, fresh)
    assert RESERVATIONS["replayed"] in found.notes
    assert found.tier is Tier.REBUILT and set(found.model.seen) == set(fresh.seen)


def test_late_records_cost_the_last_stage_and_the_price_says_it_before():
    data = digits(15)
    epochs = sharding_plan.stage_epochs(RECIPE.epochs, 4)
    for forget, first_stage in ((late(), 3), (first(data), 0)):
        found = disgorge(logged(), data, forget, "rewind")
        counts = [75 * (a + 1) - (len(forget.ids) if a >= first_stage else 0) for a in range(4)]
        passes = sum(e * n for e, n in list(zip(epochs, counts, strict=True))[first_stage:])
        assert found.cost.passes == passes
        assert found.figures == {"arrivals replayed": 4 - first_stage, "arrivals": 4}
        assert Rewind().price(facts_for(logged(), data, forget)) == pytest.approx(
            found.cost.of_full
        )


def test_without_arrivals_nearly_all_is_paid():
    data = digits(15)
    model = training.fit(data, LAYERS, RECIPE, regime=Logged())
    assert Rewind().price(facts_for(model, data, late())) == pytest.approx(290 / 300)


def test_two_requests_in_a_row():
    data = digits(15)
    one, two = late(), chosen(data, data.rows("train")[[100, 200]])
    once = disgorge(logged(), data, one, "rewind").model
    twice = disgorge(once, data, two, "rewind", excluded=[one])
    assert same_weights(twice.model, slow(one | two))
    hidden = disgorge(logged(), data, one, "guard").model
    behind = disgorge(hidden, data, two, "rewind", excluded=[one])
    assert same_weights(behind.model, slow(one | two)) and behind.model.rule == "mean"


def test_other_models_and_other_datasets_are_told():
    data = digits(15)
    assert "kept no log" in (why_not(Rewind(), facts_for(plain(15), data, late())) or "")
    other = replace(data, digest="another")
    forget = replace(late(), dataset="another")
    before = replace(logged()).digest
    with pytest.raises(NotApplicable, match="written on another dataset"):
        disgorge(logged(), other, forget, "rewind")
    assert replace(logged()).digest == before
    assert np.isfinite(Rewind().price(facts_for(plain(15), data, late())))
