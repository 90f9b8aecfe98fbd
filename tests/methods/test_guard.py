"""The output guard withholds on F, and leaves every other answer as it was to the last bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from disgorge_core.disgorging import disgorge
from disgorge_core.methods.output_guard.guard import nearest
from disgorge_core.models.prediction import inputs, logits, withheld
from disgorge_core.types import Dataset, ForgetSet, Model, Tier
from tests.methods.small import chosen, digits, first, plain, same_weights

Run = Callable[[Model, Dataset, ForgetSet], Model]


def guard(model: Model, data: Dataset, forget: ForgetSet) -> Model:
    return disgorge(model, data, forget, "guard").model


def proof(run: Run) -> None:
    data = digits(15)
    model, forget = plain(15), first(data)
    after = run(model, data, forget)
    inside = forget.mask(data)
    z = logits(after, data.x)
    assert withheld(after, data.x[inside]).all()
    assert (z[inside] == z[inside][:, :1]).all()  # no class is preferred
    kept = ~inside & (data.split == 0)
    np.testing.assert_array_equal(z[kept], logits(model, data.x)[kept])


def test_it_withholds_on_the_removed_records_only():
    proof(guard)


def test_the_weights_stay_and_the_tier_says_so():
    found = disgorge(plain(15), digits(15), first(digits(15)), "guard")
    assert found.tier is Tier.SUPPRESSED
    assert found.distance == 0 and found.effect == "moved"
    assert same_weights(found.model, plain(15))
    assert "The model is unchanged." in found.claim


def test_distances_are_those_of_two_loops():
    data = digits(15)
    z = inputs(plain(15).members[0], data.x[:40]).flatten(1)
    points, others = z[:30], z[30:]
    slow = [min(float((p - o).norm()) for o in others) for p in points]
    np.testing.assert_allclose(nearest(points, others), slow, rtol=1e-5)
    assert (nearest(points, points) == 0).all()


def test_an_identical_kept_record_is_withheld_too():
    data = digits(15)
    x = data.x.copy()
    x[100] = x[0]
    found = guard(plain(15), replace(data, x=x), chosen(data, np.array([0])))
    assert withheld(found, x).nonzero()[0].tolist() == [0, 100]


def test_a_slightly_changed_input_is_withheld_and_a_far_one_is_not():
    data = digits(15)
    found = guard(plain(15), data, first(data))
    near, far = data.x[:1].copy(), 16 - data.x[:1]
    near[0, 4, 4, 0] = min(16, int(near[0, 4, 4, 0]) + 1)
    assert withheld(found, near).all()
    assert not withheld(found, far).any()


def test_a_second_request_keeps_the_first_one_withheld():
    data = digits(15)
    one, two = first(data, 5), first(data, 15) - first(data, 5)
    model = guard(plain(15), data, one)
    again = disgorge(model, data, two, "guard", excluded=[one]).model
    assert withheld(again, data.x)[:15].all()
    assert len(again.artefacts["guard_radius"]) == 15


@pytest.mark.parametrize("size", [10, 600])
def test_distance_to_itself_is_zero_for_many_points(size):
    points = torch.randn(size, 64, generator=torch.Generator().manual_seed(0)) * 100
    assert (nearest(points, points) == 0).all()
