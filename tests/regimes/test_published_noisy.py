"""Noise at publication: the same bits for the same records and seed, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

from disgorge_core import training
from disgorge_core.errors import BadParam
from disgorge_core.models.prediction import logits
from disgorge_core.models.saved import load_model_folder, save_model
from disgorge_core.params import make
from disgorge_core.regimes.published_noisy import STATE, PublishedNoisy, seen
from disgorge_core.training import descent
from disgorge_core.types import Recipe
from tests.regimes.convex_digits import three_or_eight
from tests.training.small import MLP, at, digits, same


def test_the_state_is_within_the_distance_of_the_optimum():
    data, regime = three_or_eight(), PublishedNoisy(l2=0.02, intercept=False)
    model = training.fit(data, "linear", Recipe(), regime=regime)
    x, target = seen(model, data, data.rows("train"))
    slope = np.linalg.norm(descent.slope(x, target, model.artefacts[STATE], 0.02))
    assert slope / 0.02 <= regime.distance  # m-strong convexity: ‖w - w*‖ ≤ ‖∇f‖ / m
    assert regime.steps == math.ceil(math.log(math.sqrt(2) / 0.02 / 1e-3) / math.log(0.54 / 0.5))
    assert model.lineage.cost == regime.steps * 280
    test = data.rows("test")
    assert (logits(model, data.take(test)).argmax(1) == data.y[test]).mean() > 0.85


def test_the_same_records_and_seed_give_the_same_bits_and_another_seed_other_noise(tmp_path):
    data, regime = digits(100), PublishedNoisy(l2=0.1)
    forget = np.isin(np.arange(100), [3, 8])
    model = training.fit(data, "linear", Recipe(seed=4), exclude=forget, regime=regime)
    alone = at(data, np.flatnonzero(~forget))
    assert same(model, training.fit(alone, "linear", Recipe(seed=4), regime=regime))
    assert same(model, training.refit(model, data, ~forget))
    other = training.refit(model, data, ~forget, seed=5)
    assert np.array_equal(model.artefacts[STATE], other.artefacts[STATE])
    assert not same(model, other)
    save_model(model, tmp_path / "model")
    assert same(model, load_model_folder(tmp_path / "model"))


@pytest.mark.parametrize("bad", [{"epsilon": 0}, {"delta": 0}, {"l2": 0}, {"distance": 0}])
def test_settings_without_a_bound_are_refused(bad):
    with pytest.raises(BadParam, match="must lie between"):
        make(PublishedNoisy, bad)


def test_other_networks_are_refused():
    with pytest.raises(BadParam, match="linear model"):
        training.fit(digits(60), MLP, Recipe(), regime=PublishedNoisy())
