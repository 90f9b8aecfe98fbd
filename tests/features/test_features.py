"""Activations against a cut network, neighbours against a full sort, PCA against sklearn."""

import copy
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from disgorge_core import features
from disgorge_core.errors import BadModel, BadParam
from disgorge_core.features import activations, layer_names, neighbours, pca
from disgorge_core.models.prediction import inputs
from disgorge_core.types import Model
from tests.curvature.nets import image_model, pictures, seeded


def model():
    layers = [
        nn.Conv2d(2, 3, 3),
        nn.ReLU(inplace=True),
        nn.Flatten(),
        nn.Dropout(),
        nn.Linear(12, 3),
    ]
    return image_model(seeded(lambda: nn.Sequential(*layers)), 2)


def test_activations_are_what_enters_the_head_and_leaves_a_layer():
    one, (x, _) = model(), pictures(7, 4, 2)
    one.network.train()
    with torch.no_grad():
        z = inputs(one.members[0], x)
        convolved = one.network[0](z)
        wanted = convolved.clamp(min=0).flatten(1)
    np.testing.assert_allclose(activations(one, x), wanted.numpy(), rtol=1e-6)
    found = activations(one, x, "0")  # not yet overwritten by the activation after it
    np.testing.assert_allclose(found, convolved.flatten(1).numpy(), rtol=1e-6)
    assert found.dtype == np.float32 and found.min() < 0
    assert one.network.training
    assert layer_names(one) == ("0", "1", "2", "3", "4")


def test_several_networks_stand_side_by_side_and_batches_join(monkeypatch):
    one, (x, _) = model(), pictures(7, 4, 2)
    other = copy.deepcopy(one)
    with torch.no_grad():
        other.network[0].weight *= 2
    three = Model(
        "three", (*one.members, *other.members, *one.members), one.classes, one.task, one.lineage
    )
    whole, wide = activations(one, x), activations(other, x)
    monkeypatch.setattr(features, "BATCH", 3)
    both = np.hstack([whole, wide])  # what two networks share before the head counts once
    np.testing.assert_allclose(activations(three, x), both, rtol=1e-6)


def test_an_unknown_layer_is_refused_in_words():
    one, (x, _) = model(), pictures(7, 4, 2)
    with pytest.raises(BadModel, match="no layer 'fc'"):
        activations(one, x, "fc")


def test_neighbours_equal_a_full_sort(monkeypatch):
    monkeypatch.setattr(features, "BLOCK", 64)
    z = load_digits().data[:300] + 1000.0  # far from the origin, where squares lose digits
    full = np.linalg.norm(z[:, None] - z[None], axis=2)
    np.fill_diagonal(full, np.inf)
    index, distance = neighbours(z, 5)
    np.testing.assert_allclose(distance, np.sort(full, 1)[:, :5], rtol=1e-4)
    np.testing.assert_allclose(np.take_along_axis(full, index, 1), distance, rtol=1e-4)
    assert (index != np.arange(300)[:, None]).all()
    with pytest.raises(BadParam, match="do not have 300 neighbours"):
        neighbours(z, 300)


class Search:
    """Stands in for pynndescent, whose compilation takes half a minute: answers as it does."""

    def __init__(self, z, n_neighbors, **_):
        full = np.linalg.norm(z[:, None] - z[None], axis=2)
        full[3, 3] = np.inf  # it may miss a record itself
        index = full.argsort(1, kind="stable")[:, :n_neighbors]
        self.neighbor_graph = index, np.take_along_axis(full, index, 1)


def test_many_records_are_searched_without_themselves(monkeypatch):
    z = load_digits().data[:100]
    index, distance = neighbours(z, 5)
    monkeypatch.setattr(features, "EXACT", 50)
    monkeypatch.setitem(sys.modules, "pynndescent", SimpleNamespace(NNDescent=Search))
    found, away = neighbours(z, 5)
    assert [set(row) for row in found[:, :3]] == [set(row) for row in index[:, :3]]
    np.testing.assert_allclose(away, distance, rtol=1e-4)


def test_pca_equals_sklearn_up_to_sign_and_has_a_fixed_one():
    from sklearn.decomposition import PCA

    z = load_digits().data[:400]
    found = pca(z, 3)
    wanted = PCA(3, svd_solver="full").fit_transform(z)
    signs = np.sign((found * wanted).sum(0))
    np.testing.assert_allclose(found, wanted * signs, rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(pca(z[::-1].copy(), 3).round(2), found[::-1].round(2))
    np.testing.assert_allclose(pca(np.arange(5.0)[:, None], 2)[:, 1], 0)
