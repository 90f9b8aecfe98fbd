"""The shipped examples are what they say: known training records, a recipe that makes the model again."""

import numpy as np
import pytest

from disgorge_core.examples.shipped import Planned, example, model_folder
from disgorge_core.models.prediction import logits
from disgorge_core.models.saved import load_model_folder
from disgorge_core.registry import EXAMPLES
from disgorge_core.training import refit
from disgorge_core.types import Array

MODELS = [(name, planned) for name in EXAMPLES for planned in EXAMPLES[name].models]
LEARNT_BY_HEART = {"digits", "digits-mislabelled", "openmoji"}
SOON = [(name, p) for name, p in MODELS if name != "openmoji"]  # trained again in seconds


def named(case: tuple[str, Planned] | object) -> str:
    """The name of a case of these tests."""
    return case.folder if isinstance(case, Planned) else str(case)


def kappa(right: Array, majority: float) -> float:
    """How much better than always naming the most common class, 1 at best."""
    return float((right.mean() - majority) / (1 - majority))


@pytest.mark.parametrize(("name", "planned"), MODELS, ids=named)
def test_model_was_trained_on_all_training_records_and_beats_the_majority(
    name: str, planned: Planned
) -> None:
    data, model = example(name).dataset, load_model_folder(model_folder(planned))
    train = data.rows("train")
    assert model.seen == tuple(sorted(data.ids[train].tolist()))
    assert model.recipe == planned.recipe
    assert model.architecture == planned.architecture
    x, y = data.arrays("test")
    majority = (y == np.bincount(data.y[train]).argmax()).mean()
    assert kappa(logits(model, x).argmax(1) == y, majority) > 0.3


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_suggested_records_are_training_records_that_the_model_knows(name: str) -> None:
    shown = example(name)
    for forget in shown.forgets:
        trained = forget.mask(shown.dataset) & (shown.dataset.split == 0)
        assert 1 <= trained.sum() <= 0.1 * (shown.dataset.split == 0).sum()
        assert forget.reason
        z = logits(shown.model, shown.dataset.take(np.flatnonzero(trained)))
        right = (z.argmax(1) == shown.dataset.y[trained]).mean()
        assert right > (0.95 if name in LEARNT_BY_HEART else 0.7) or len(forget) == 1


@pytest.mark.parametrize(("name", "planned"), SOON, ids=named)
def test_recipe_makes_the_shipped_model_again(name: str, planned: Planned) -> None:
    data, model = example(name).dataset, load_model_folder(model_folder(planned))
    again = refit(model, data, np.ones(len(data), bool))
    z, wanted = (logits(model, data.x) for model in (again, model))
    # other processors round differently, so weights need not be equal bit by bit
    assert (z.argmax(1) == wanted.argmax(1)).mean() > 0.995
    assert np.corrcoef(z.ravel(), wanted.ravel())[0, 1] > 0.999
