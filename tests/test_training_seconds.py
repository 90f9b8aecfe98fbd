"""The forecast of a training's time counts what a training does: reading once or in each step."""

import numpy as np
import pytest

from disgorge_core import disgorging
from disgorge_core.disgorging import facts_for, seconds_to_retrain
from disgorge_core.examples.shipped import example


@pytest.mark.parametrize(
    ("name", "number", "often"), [("adult", 0, 1), ("adult", 1, 1), ("digits", 0, 3 * 60)]
)
def test_tables_are_read_once_and_pictures_in_every_pass(
    name: str, number: int, often: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = example(name)
    facts = facts_for(shown.models[number], shown.dataset, shown.forget)
    spent = iter([256 * 0.5, 256 * 0.25])  # seconds: reading 256 records, then one pass over them
    monkeypatch.setattr(disgorging, "_timed", lambda work: next(spent))
    recipe = shown.models[number].recipe
    assert recipe is not None
    epochs = 1 if number == 0 and name == "adult" else recipe.epochs
    steps = epochs * facts.n_keep / recipe.batch
    wanted = facts.n_keep * (often * 0.5 + 3 * epochs * 0.25) + 0.0005 * steps
    assert seconds_to_retrain(facts) == pytest.approx(wanted)
    assert np.isfinite(wanted)
