"""Readers of features and CKA, each against its definition."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from disgorge_core.audit import features, roc
from disgorge_core.audit.bench import KEPT, REMOVED, TEST
from disgorge_core.audit.features import comparable, likeness, read, told_apart, why_no_features
from tests.audit import trained
from tests.audit.benches import bench, dataset, drawn, sets
from tests.methods.small import linear


@pytest.mark.parametrize("d", [3, 60])  # fewer and more features than records
def test_a_reader_solves_ridge_regression(d):
    rng = np.random.default_rng(0)
    z, targets, others = (
        rng.normal(size=(40, d)) + 5,
        rng.normal(size=(40, 2)),
        rng.normal(size=(7, d)),
    )
    own, asked = ((x - z.mean(0)) / z.std(0) for x in (z, others))
    design = np.vstack([own, np.sqrt(40 * 0.1) * np.eye(d)])  # ridge as least squares on more rows
    wanted = np.vstack([targets - targets.mean(0), np.zeros((d, 2))])
    weights = np.linalg.lstsq(design, wanted, rcond=None)[0]
    np.testing.assert_allclose(
        read(z, targets, others), targets.mean(0) + asked @ weights, atol=1e-10
    )


def test_constant_features_say_nothing():
    z = np.concatenate([np.full((20, 1), 3.0), np.random.default_rng(0).normal(size=(20, 1))], 1)
    shifted = z + np.array([1.0, 0.0])
    np.testing.assert_allclose(read(z, z[:, 1:], shifted), read(z, z[:, 1:], z))


def test_what_differs_is_told_apart_and_what_does_not_is_not():
    rng, groups = np.random.default_rng(1), np.repeat([0, 1], 100)
    first, second = rng.normal(size=(2, 200, 8)) + 4 * groups[:, None]
    assert roc.auc_of(*told_apart(first, second, groups)) == pytest.approx(0.5, abs=0.1)
    moved = first + np.array([1.0, *[0.0] * 7])
    expected = 0.7602  # Φ(1 / √2): two normal distributions one deviation apart
    assert roc.auc_of(*told_apart(moved, second, groups)) == pytest.approx(expected, abs=0.05)


def test_records_that_lie_apart_from_their_label_are_told_by_their_distance():
    """No direction tells them: they lie on a sphere around the middle of the others."""
    rng, groups = np.random.default_rng(3), np.zeros(100, int)
    first, second = 4 * rng.normal(size=(100, 6)), rng.normal(size=(100, 6))
    assert roc.auc_of(*told_apart(first, second, groups)) > 0.95


def test_labels_alone_tell_nothing_apart():
    """Features that only say the label, equally often on both sides."""
    groups = np.repeat(np.arange(5), 10)
    same = np.eye(5)[groups]
    assert roc.auc_of(*told_apart(same, same.copy(), groups)) == 0.5


def test_likeness_is_linear_cka_by_its_formula():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(30, 4)), rng.normal(size=(30, 6))
    a, b = x - x.mean(0), y - y.mean(0)
    norm = np.linalg.norm
    expected = norm(b.T @ a) ** 2 / (norm(a.T @ a) * norm(b.T @ b))
    turned = 3 * x @ np.linalg.qr(rng.normal(size=(4, 4)))[0] + 7
    found = likeness([x, y, turned, np.ones((30, 2))])
    assert found[0, 1] == pytest.approx(expected) and found[1, 0] == pytest.approx(expected)
    assert found[0, 2] == pytest.approx(1) and found[0, 0] == pytest.approx(1)
    assert found[0, 3] == 0
    apart = np.zeros((4, 1)), np.array([[1.0], [1], [-1], [-1]]), np.array([[1.0], [-1], [1], [-1]])
    assert likeness(list(apart[1:]))[0, 1] == pytest.approx(0)


def test_comparable_records_have_the_same_labels():
    laid = trained.bench(None)
    removed, test, labels = comparable(laid)
    y, inside = laid.data.y, {name: set(laid.rows[m]) for name, m in laid.sets.items()}
    assert set(removed) <= inside[REMOVED] and set(test) <= inside[TEST]
    assert y[removed].tolist() == y[test].tolist() == labels.tolist()
    assert len(set(removed)) == len(set(test)) == len(removed)
    for one in np.unique(y[list(inside[REMOVED])]):
        own = [int((y[list(inside[name])] == one).sum()) for name in (REMOVED, TEST)]
        assert (labels == one).sum() == min(own)


def test_numbers_are_compared_within_fifths():
    data = replace(dataset(), task="regression", y=np.arange(150.0), classes=())
    laid = replace(bench({"before": drawn(1, 0, 0)[0]}, drawn(3, 0, 1)), data=data)
    assert len(comparable(laid)[0]) == 6  # all test records lie in the last fifth of 30
    mixed = {REMOVED: np.arange(150) % 5 == 0, KEPT: sets()[KEPT], TEST: np.arange(150) % 5 == 1}
    removed, test, groups = comparable(replace(laid, sets=mixed))
    assert len(removed) == 30 and np.abs(data.y[removed].mean() - data.y[test].mean()) < 10
    assert np.bincount(groups).tolist() == [6] * 5


def test_why_not():
    assert why_no_features(trained.bench(None, references=3)) is None
    answers = bench({"before": drawn(1, 0, 0)[0]}, drawn(3, 0, 1))
    assert why_no_features(answers) == features.NO_MODELS
    laid = trained.bench(None, references=3)
    flat = replace(laid, models={who: linear() for who in laid.models})
    assert why_no_features(flat) == features.NO_HIDDEN
    before = laid.models["before"]
    head = replace(before, recipe=replace(before.recipe, trainable="head"))
    assert (
        why_no_features(replace(laid, models=laid.models | {"before": head})) == features.NO_HIDDEN
    )
