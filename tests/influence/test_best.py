"""The mean over models: against scores of each model on its own."""

import numpy as np
import pytest

from disgorge_core.influence.several import Several
from disgorge_core.registry import ESTIMATORS
from disgorge_core.training import fit, refit
from disgorge_core.types import Recipe
from tests.training.small import table


def test_means_and_errors_are_numpys():
    parts = np.random.default_rng(0).normal(size=(4, 3, 2)) + 1e6
    several = Several()
    several.add(parts[0])
    assert several.error is None
    for part in parts[1:]:
        several.add(part)
    np.testing.assert_allclose(several.mean, parts.mean(0))
    np.testing.assert_allclose(several.error, parts.std(0, ddof=1) / 2, rtol=1e-6)


@pytest.mark.parametrize("of", ["ekfac", "last_layer"])
def test_it_is_the_mean_over_the_model_and_others_of_its_recipe(of):
    data = table(60)
    recipe = Recipe(epochs=2, batch=16, l2=1e-3, seed=4)
    model = fit(data, "mlp", recipe, settings={"width": 6, "depth": 1})
    train, query = data.rows("train")[:-5], data.rows("test")
    keep = np.isin(np.arange(len(data)), train)
    others = [refit(model, data, keep, seed=seed) for seed in (5, 6)]
    each = [ESTIMATORS[of]().score(one, data, train, query) for one in (model, *others)]
    matrices = np.array([scores.matrix for scores in each])
    estimator = ESTIMATORS["best"](models=3, of=of)
    found = estimator.score(model, data, train, query)
    scale = np.abs(matrices).max()
    np.testing.assert_allclose(found.matrix, matrices.mean(0), atol=1e-5 * scale)
    np.testing.assert_allclose(found.spread, matrices.std(0, ddof=1) / 3**0.5, atol=1e-5 * scale)
    assert found.passes == sum(s.passes for s in each) + 2 * 2 * len(train)
    assert estimator.trainings == 2 and "over 3 models" in found.notes[0]
