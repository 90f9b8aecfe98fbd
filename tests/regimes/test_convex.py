"""The intercept of a convex model is the weight of a constant input, within the unit ball."""

from __future__ import annotations

import numpy as np

from disgorge_core import training
from disgorge_core.models.prediction import logits
from disgorge_core.regimes.perturbed import B, Perturbed
from disgorge_core.training import convex
from disgorge_core.types import Recipe
from tests.training.small import digits, table


def test_the_intercept_is_one_more_input_and_no_record_is_longer_than_1():
    data = digits(80)
    model = training.fit(data, "linear", Recipe(), regime=Perturbed())
    x = convex.design(model.members[0], data.x)
    z = data.x.reshape(80, -1) / 255.0
    z = z / np.maximum(1, np.linalg.norm(z, axis=1, keepdims=True))
    np.testing.assert_allclose(x, np.hstack([z, np.ones((80, 1))]) / np.sqrt(2))
    assert np.linalg.norm(x, axis=1).max() <= 1 + 1e-12
    assert model.artefacts[B].shape == (10, 65)
    w = convex.weights_of(model)
    np.testing.assert_allclose(logits(model, data.x), x @ w.T, atol=1e-10)
    again = convex.with_weights(model, w)
    np.testing.assert_allclose(convex.weights_of(again), w, rtol=1e-14)


def test_classes_of_unequal_size_need_it():
    data = table(400)  # classes of 191, 134 and 75 records
    fits = [
        training.fit(
            data, "linear", Recipe(),
            regime=Perturbed(l2=1e-3, sigma=0.01, reading="fitted", intercept=own),
        )
        for own in (True, False)
    ]  # fmt: skip
    right = [(logits(m, data.x).argmax(1) == data.y).mean() for m in fits]
    assert right[0] > right[1] + 0.03
