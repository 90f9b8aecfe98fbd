"""Retraining is bitwise the training on a dataset that never held the records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from disgorge_core import training
from disgorge_core.disgorging import disgorge
from disgorge_core.errors import NotApplicable
from disgorge_core.types import Dataset, ForgetSet, Model
from tests.methods.small import LAYERS, RECIPE, digits, first, plain, same_weights, without

Run = Callable[[Model, Dataset, ForgetSet], Model]


def retrain(model: Model, data: Dataset, forget: ForgetSet) -> Model:
    return disgorge(model, data, forget, "retrain").model


def proof(run: Run) -> None:
    data = digits(15)
    forget = first(data)
    never = training.fit(without(data, forget), LAYERS, RECIPE)
    assert same_weights(run(plain(15), data, forget), never)


def test_it_never_held_the_records():
    proof(retrain)


def test_it_keeps_earlier_removals_out():
    data = digits(15)
    one, two = first(data, 5), first(data, 15) - first(data, 5)
    model = disgorge(plain(15), data, one, "retrain").model
    again = disgorge(model, data, two, "retrain", excluded=[one])
    assert same_weights(again.model, training.fit(data, LAYERS, RECIPE, exclude=first(data, 15)))
    assert again.model.lineage.excluded == (one.digest, two.digest)
    assert len(again.model.lineage.parents) == 2


def test_records_outside_what_the_model_saw_do_not_come_back():
    data = digits(15)
    one, two = first(data, 5), first(data, 15) - first(data, 5)
    model = training.fit(data, LAYERS, RECIPE, exclude=one)
    found = disgorge(model, data, two, "retrain").model
    assert not set(one.ids) & set(found.seen or ())


def test_without_a_recipe_it_says_where_to_state_one():
    with pytest.raises(NotApplicable, match="state the recipe on the Model page"):
        disgorge(replace(plain(15), recipe=None), digits(15), first(digits(15)), "retrain")


def test_with_unknown_training_records_it_says_where_to_state_them():
    """All training records might hold some that the model never saw, so nothing is trained on them."""
    lineage = replace(plain(15).lineage, origin="uploaded", trained_on="unknown")
    unknown = replace(plain(15), seen=None, lineage=lineage)
    with pytest.raises(NotApplicable, match="state them on the Model page"):
        disgorge(unknown, digits(15), first(digits(15)), "retrain")
