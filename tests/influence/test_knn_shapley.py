"""The recursion against the definition over all subsets, and values of a model against its own votes."""

from itertools import combinations
from math import comb

import numpy as np
import pytest

from disgorge_core.errors import NotApplicable
from disgorge_core.features import activations
from disgorge_core.influence.knn_shapley import shapley
from disgorge_core.registry import ESTIMATORS
from tests.curvature.nets import mlp, table, table_model
from tests.influence_data import dataset_of


def votes(members, distance, right, k):
    near = sorted(members, key=distance.__getitem__)[:k]
    return sum(right[i] for i in near) / k


def by_definition(distance, right, k):
    """The mean gain over all sets that a record may join, sets of one size counting the same."""
    n, found = len(distance), np.zeros(len(distance))
    for i in range(n):
        others = [j for j in range(n) if j != i]
        for size in range(n):
            for some in combinations(others, size):
                gain = votes((*some, i), distance, right, k) - votes(some, distance, right, k)
                found[i] += gain / (n * comb(n - 1, size))
    return found


@pytest.mark.parametrize("k", [1, 3, 7, 9])
def test_the_recursion_meets_the_definition(k):
    rng = np.random.default_rng(k)
    distance, right = rng.random((2, 7)), rng.random((2, 7)) < 0.4
    right[0, :2] = True
    found = shapley(distance, right, k)
    for j in range(2):
        np.testing.assert_allclose(found[j], by_definition(distance[j], right[j], k), atol=1e-12)


def test_values_of_a_query_sum_to_the_vote_of_all_records():
    x, y = table(60, 4)
    data, model = dataset_of(x, y), table_model(mlp(), 4)
    train, query = np.arange(50), np.arange(50, 60)
    scores = ESTIMATORS["knn_shapley"](neighbours=4).score(model, data, train, query)
    z = activations(model, x)
    away = np.linalg.norm(z[query][:, None] - z[train][None], axis=2)
    near = np.argsort(away, axis=1)[:, :4]
    np.testing.assert_allclose(scores.matrix.sum(0), (y[near] == y[query, None]).mean(1), atol=1e-6)
    turned = ESTIMATORS["knn_shapley"](neighbours=4).score(model, data, train, query, target="loss")
    np.testing.assert_array_equal(turned.matrix, -scores.matrix)
    assert "votes" in scores.unit and "nats" not in scores.unit


def test_queries_of_a_class_without_training_records_are_said():
    x, y = table(30, 4)
    data, model = dataset_of(x, y), table_model(mlp(), 4)
    train, lone = np.flatnonzero(y[:25] != 2), np.flatnonzero(y == 2)[:3]
    mixed = np.append(lone, np.flatnonzero(y == 1)[:1])
    scores = ESTIMATORS["knn_shapley"]().score(model, data, train, mixed)
    assert not scores.matrix[:, :3].any() and scores.matrix[:, 3].any()
    assert "class of 3 of the queries ('2')" in scores.notes[0]
    with pytest.raises(NotApplicable, match="of the class of any query"):
        ESTIMATORS["knn_shapley"]().score(model, data, train, lone)
