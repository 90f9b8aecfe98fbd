"""A closed-form model after a removal is, bit for bit, the fit that never saw the records."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from disgorge_core import training
from disgorge_core.disgorging import applicable, disgorge
from disgorge_core.models.prediction import logits
from disgorge_core.types import Dataset, ForgetSet, Model
from tests.methods.small import closed_form, digits, first, same_weights, without

Run = Callable[[Model, Dataset, ForgetSet], Model]


def statistics(model: Model, data: Dataset, forget: ForgetSet) -> Model:
    return disgorge(model, data, forget, "statistics").model


def proof(run: Run) -> None:
    data = digits()
    forget = first(data)
    for architecture in ("ridge", "nearest_mean"):
        never = training.fit(without(data, forget), architecture)
        assert same_weights(run(closed_form(architecture), data, forget), never)


def test_it_is_the_fit_that_never_saw_the_records():
    proof(statistics)


@pytest.mark.parametrize("architecture", ["ridge", "nearest_mean"])
def test_a_chain_of_removals_is_one_removal(architecture):
    data = digits()
    parts = [first(data, 5), first(data, 12) - first(data, 5), first(data, 15) - first(data, 12)]
    model = closed_form(architecture)
    for part in parts:
        model = disgorge(model, data, part, "statistics").model
    never = training.fit(data, architecture, exclude=first(data, 15))
    assert same_weights(model, never)
    np.testing.assert_array_equal(logits(model, data.x), logits(never, data.x))
    assert len(model.lineage.excluded) == 3


def test_it_is_recommended_for_closed_forms():
    offers = applicable(closed_form(), digits(), first(digits()))
    assert offers[0].method == "statistics" and offers[0].price < 1
