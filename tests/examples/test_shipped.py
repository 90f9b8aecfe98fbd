"""The shipped examples are what they say: known training records, a recipe that makes the model again."""

import numpy as np
import pytest

from disgorge_core.examples.shipped import example
from disgorge_core.models.prediction import logits
from disgorge_core.registry import EXAMPLES
from disgorge_core.training import refit


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_model_was_trained_on_all_training_records_and_beats_the_majority(name: str) -> None:
    shown = example(name)
    data, train = shown.dataset, shown.dataset.rows("train")
    assert shown.model.seen == tuple(sorted(data.ids[train].tolist()))
    assert shown.model.recipe == EXAMPLES[name].recipe
    x, y = data.arrays("test")
    majority = np.bincount(data.y[train]).argmax()
    assert (logits(shown.model, x).argmax(1) == y).mean() > (y == majority).mean() + 0.1


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_suggested_records_are_training_records_that_the_model_knows(name: str) -> None:
    shown = example(name)
    inside = shown.forget.mask(shown.dataset)
    trained = inside & (shown.dataset.split == 0)
    assert 20 <= trained.sum() <= 200
    z = logits(shown.model, shown.dataset.take(np.flatnonzero(trained)))
    assert (z.argmax(1) == shown.dataset.y[trained]).mean() > 0.95
    assert shown.forget.reason


@pytest.mark.parametrize("name", ["digits", "digits-mislabelled"])
def test_recipe_makes_the_shipped_model_again(name: str) -> None:
    shown = example(name)
    again = refit(shown.model, shown.dataset, np.ones(len(shown.dataset), bool))
    z, wanted = (logits(model, shown.dataset.x) for model in (again, shown.model))
    # other processors round differently, so weights need not be equal bit by bit
    assert (z.argmax(1) == wanted.argmax(1)).mean() > 0.995
    assert np.corrcoef(z.ravel(), wanted.ravel())[0, 1] > 0.999
