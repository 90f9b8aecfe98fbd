"""Influence against real retraining without the record: convex models, to convergence, in float64."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from sklearn.datasets import load_breast_cancer, load_digits

from disgorge_core import training
from disgorge_core.errors import BadParam, NotApplicable
from disgorge_core.influence import (
    curvature_of,
    group_gradient,
    matrix_of,
    one_query,
    predicted_change,
    predicted_effect,
)
from disgorge_core.metrics import margins
from disgorge_core.models.prediction import logits
from disgorge_core.registry import ESTIMATORS
from disgorge_core.types import ForgetSet, Model, Recipe
from tests.curvature.nets import image_model, mlp, seeded, table, table_model
from tests.influence.fitted import L2, logistic, model_with
from tests.influence_data import dataset_of
from tests.training.small_texts import texts

N, M = 120, 15


def cancer(n=N + M):
    """Real records, a few columns, and the last M of them as queries."""
    import pandas as pd

    found = load_breast_cancer()
    x = found.data[:n, [0, 1, 4, 8]]
    x = pd.DataFrame((x - x.mean(0)) / x.std(0), columns=[f"c{i}" for i in range(4)])
    split = np.zeros(n, dtype=np.int64)
    split[-M:] = 2
    return dataset_of(x, found.target[:n], split)


def outputs(model, data, rows, target):
    z = logits(model, data.take(rows))
    y = data.y[rows]
    p = torch.as_tensor(z).softmax(1).numpy()[np.arange(len(rows)), y]
    return np.log(p / (1 - p)) if target == "margin" else -np.log(p)


def without(data, rows):
    stays = np.setdiff1d(data.rows("train"), rows)
    return model_with(logistic(data.take(stays), data.y[stays], 2))


@pytest.fixture(scope="module")
def convex():
    data = cancer()
    model = without(data, [])
    return data, model, data.rows("train"), data.rows("test")


@pytest.mark.parametrize("target", ["margin", "loss"])
def test_scores_meet_real_retraining_without_the_record(convex, target):
    data, model, train, test = convex
    scores = ESTIMATORS["ekfac"]().score(model, data, train, test, target=target)
    before = outputs(model, data, test, target)
    left_out = train[::5]
    real = np.array([outputs(without(data, [i]), data, test, target) - before for i in left_out])
    estimated = -scores.matrix[::5]
    assert np.corrcoef(real.ravel(), estimated.ravel())[0, 1] > 0.99
    slope = (real * estimated).sum() / (estimated**2).sum()
    assert 0.95 < slope < 1.15
    forget = ForgetSet((str(data.ids[0]),), data.digest)
    np.testing.assert_allclose(scores.of(forget), estimated[0], rtol=1e-6)
    assert scores.unit and list(scores.train_ids) == list(data.ids[train].astype(str))


def test_most_records_hold_themselves_up(convex):
    data, model, train, _ = convex
    matrix = ESTIMATORS["ekfac"]().score(model, data, train, train).matrix
    assert (np.diag(matrix) > 0).mean() > 0.6  # where a record is easier than the mean, it may not
    assert np.diag(matrix).mean() > 1.5 * np.abs(matrix).mean()


def test_removing_a_group_is_predicted(convex):
    data, model, train, test = convex
    forget = np.zeros(len(data), dtype=bool)
    forget[train[:12]] = True
    curvature = curvature_of(model, data, train)
    found = predicted_change(model, data, forget, test, curvature)
    after = logits(without(data, train[:12]), data.take(test))
    real = after - logits(model, data.take(test))
    assert np.corrcoef(found.ravel(), real.ravel())[0, 1] > 0.98
    assert abs((found * real).sum() / (found**2).sum() - 1) < 0.15


def test_its_effect_on_margins_and_loss_is_predicted(convex):
    data, model, train, test = convex
    forget = np.isin(np.arange(len(data)), train[:12])
    effect = predicted_effect(model, data, forget, test, curvature_of(model, data, train))
    after = without(data, train[:12])
    moved = outputs(after, data, test, "margin") - outputs(model, data, test, "margin")
    assert np.corrcoef(effect.standing, moved)[0, 1] > 0.98
    now, then = effect.loss
    assert now == pytest.approx(outputs(model, data, test, "loss").mean())
    real = outputs(after, data, test, "loss").mean()
    assert abs(then - real) < 0.3 * abs(now - real)
    right = (logits(model, data.take(test)).argmax(1) == data.y[test]).mean()
    assert effect.quality[0] == right and 0 <= effect.quality[1] <= 1


@pytest.mark.parametrize("target", ["margin", "loss"])
def test_one_query_is_a_column_and_a_group_is_their_mean(convex, target):
    data, model, train, test = convex
    curvature = curvature_of(model, data, train)
    matrix = matrix_of(model, data, train, test, curvature, target=target)
    gradient = group_gradient(model, data, test[:1], target)
    lone = one_query(model, data, train, gradient, curvature)
    np.testing.assert_allclose(lone, matrix[:, 0], rtol=1e-5, atol=1e-9)
    group = one_query(model, data, train, group_gradient(model, data, test, target), curvature)
    np.testing.assert_allclose(group, matrix.mean(1), rtol=1e-5, atol=1e-8)


def test_one_query_is_a_column_for_truncated_ekfac_of_a_network():
    x, y = table(60, 4)
    data, model = dataset_of(x, y), table_model(mlp(4, 30), 4)
    rows = np.arange(60)
    estimator = ESTIMATORS["ekfac"](coordinates=40)
    curvature = curvature_of(model, data, rows, kind="ekfac", coordinates=40)
    matrix = matrix_of(model, data, rows, rows[:5], curvature)
    found = estimator.one_query(model, data, rows, rows[3:4], curvature=curvature)
    np.testing.assert_allclose(found, matrix[:, 3], rtol=1e-4, atol=1e-8)
    assert np.abs(matrix).max() > 1e-4


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_ridge_meets_the_closed_form_without_the_record(task):
    x, y = table(50, 3, 2)
    y = y if task == "classification" else x.to_numpy() @ [1.0, -2.0, 0.5] + y
    data = dataset_of(x, y, task=task)
    a = np.hstack([x.to_numpy(), np.ones((50, 1))])
    t = 2.0 * np.eye(2)[y] - 1 if task == "classification" else y[:, None]

    def solve(keep):
        h = a[keep].T @ a[keep] / keep.sum() + L2 * np.eye(4)
        return np.linalg.solve(h, a[keep].T @ t[keep] / keep.sum())

    everything = np.ones(50, dtype=bool)
    more = {"task": task, "regime": "closed form", "architecture": "ridge"}
    theta = solve(everything)
    model = model_with(torch.as_tensor(theta.T), **more)
    matrix = ESTIMATORS["ekfac"]().score(model, data, np.arange(50), np.arange(50)).matrix
    real = []
    for i in range(50):
        z = a @ (solve(np.arange(50) != i) - theta)
        real.append(z[:, 0] if task == "regression" else margin_change(a @ theta, z, y))
    real = np.array(real)
    assert np.corrcoef(real.ravel(), -matrix.ravel())[0, 1] > 0.99
    assert abs((real * -matrix).sum() / (matrix**2).sum() - 1) < 0.15


def margin_change(z, change, y):
    rows = np.arange(len(y))
    after = z + change
    return (after[rows, y] - after[rows, 1 - y]) - (z[rows, y] - z[rows, 1 - y])


def digits(n=300):
    found = load_digits()
    x = (found.images[:n] * 15).astype(np.uint8)[..., None]
    return dataset_of(x, found.target[:n])


@pytest.fixture(scope="module")
def trained():
    from disgorge_core.training import fit
    from disgorge_core.types import Recipe

    data = digits()
    return data, fit(data, "mlp", Recipe(epochs=5, l2=1e-3), settings={"width": 48})


SETTINGS = {"best": {"models": 2}}
NOISY = ("leave_out",)  # single scores need more trainings than a test has


@pytest.mark.parametrize("name", [name for name in ESTIMATORS if name not in NOISY])
def test_records_hold_up_their_own_margin_more_than_others(trained, name):
    """True of every estimator that finds anything; turned round for the loss."""
    data, model = trained
    rows = np.arange(100)
    before = model.digest
    for target, sign in (("margin", 1), ("loss", -1)):
        estimator = ESTIMATORS[name](**SETTINGS.get(name, {}))
        matrix = sign * estimator.score(model, data, rows, rows, target=target).matrix
        assert matrix.shape == (100, 100) and matrix.dtype == np.float32
        own = np.diag(matrix)
        assert (own >= matrix.mean(0)).mean() > 0.95
        same = data.y[rows][:, None] == data.y[rows][None]
        assert matrix[same].mean() > matrix[~same].mean()
    assert Model(**{f: getattr(model, f) for f in model.__dataclass_fields__}).digest == before


@pytest.mark.parametrize("name", list(ESTIMATORS))
def test_estimators_say_what_they_are(name):
    kind = ESTIMATORS[name]
    assert kind.title and kind.unit.endswith(".") and isinstance(kind.order, int)


def test_last_layer_equals_the_whole_where_that_is_all_there_is(convex):
    data, model, train, test = convex
    head = curvature_of(model, data, train, kind="head", damping=0.0)
    whole = curvature_of(model, data, train)
    found = matrix_of(model, data, train, test, head)
    np.testing.assert_allclose(found, matrix_of(model, data, train, test, whole), rtol=1e-5)


def test_tracin_is_the_product_of_gradients_of_the_head(trained):
    from disgorge_core.curvature import per_sample_gradients

    data, model = trained
    rows = np.arange(20)
    found = ESTIMATORS["tracin"]().score(model, data, rows, rows[:4]).matrix
    each = per_sample_gradients(model, data.take(rows), data.y[rows], "head")
    flat = each["head.weight"].flatten(1)
    np.testing.assert_allclose(found, (flat @ flat[:4].T).numpy(), rtol=1e-3, atol=1e-6)


def test_what_cannot_be_estimated_is_refused_in_words(trained):
    data, model = trained
    rows = np.arange(10)
    many = Model("many", model.members * 3, model.classes, model.task, model.lineage)
    for name in ("ekfac", "kfac", "last_layer", "trak", "best", "tracin"):
        with pytest.raises(NotApplicable, match="average of 3 networks"):
            ESTIMATORS[name]().score(many, data, rows, rows)
    with pytest.raises(BadParam, match="no output"):
        ESTIMATORS["ekfac"]().score(model, data, rows, rows, target="accuracy")
    means = table_model(mlp(), 4, regime="closed form", architecture="nearest_mean")
    with pytest.raises(NotApplicable, match="not fitted by a loss"):
        ESTIMATORS["ekfac"]().score(means, dataset_of(*table(20, 4)), rows, rows)
    x, _ = table(20, 4)
    line = table_model(mlp(classes=1), 4, task="regression")
    for name in ("embedding", "knn_shapley", "tracin"):
        with pytest.raises(NotApplicable):
            ESTIMATORS[name]().score(
                line, dataset_of(x, np.ones(20), task="regression"), rows, rows
            )


@pytest.mark.parametrize("name", ["ekfac", "kfac", "last_layer", "trak", "tracin"])
def test_a_loss_that_is_zero_everywhere_is_said(name):
    """Answers so sure that the loss is exactly 0 in the network's own numbers."""
    x, _ = table(30, 4, 2)
    y = (x["c0"] > 0).to_numpy().astype(np.int64)
    network = torch.nn.Sequential(torch.nn.Linear(4, 2))
    with torch.no_grad():
        network[0].weight.copy_(torch.tensor([[-1e9, 0, 0, 0], [1e9, 0, 0, 0]]))
        network[0].bias.zero_()
    data, rows = dataset_of(x, y), np.arange(30)
    for l2, said in ((0.01, "flat, or zero"), (0.0, "flat, or zero|cannot be inverted")):
        more = {"dtype": torch.float32, "recipe": Recipe(l2=l2)}
        with pytest.raises(NotApplicable, match=said):
            ESTIMATORS[name]().score(table_model(network, 4, 2, **more), data, rows, rows)


def test_no_record_to_score_is_said(trained):
    data, model = trained
    some, none = np.arange(5), np.array([], dtype=np.int64)
    for name in ESTIMATORS:
        with pytest.raises(BadParam, match="no training record"):
            ESTIMATORS[name]().score(model, data, none, some)
        with pytest.raises(BadParam, match="no query"):
            ESTIMATORS[name]().score(model, data, some, none)


def test_pictures_in_batches_give_the_same_as_at_once(monkeypatch):
    from torch import nn

    from disgorge_core.curvature import records
    from tests.curvature.nets import pictures

    layers = [nn.Conv2d(2, 3, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(12, 3)]
    model = image_model(seeded(lambda: nn.Sequential(*layers)), 2)
    data, rows = dataset_of(*pictures(20, 4, 2)), np.arange(20)
    whole = matrix_of(model, data, rows, rows, curvature_of(model, data, rows, kind="ekfac"))
    monkeypatch.setattr(records, "NUMBERS", 4000)
    parts = matrix_of(model, data, rows, rows, curvature_of(model, data, rows, kind="ekfac"))
    np.testing.assert_allclose(parts, whole, rtol=1e-4, atol=1e-9)


def test_scores_of_texts_are_first_order_changes_of_real_trainings():
    """A word that one record alone teaches: leaving records out moves answers as the scores say."""
    data = texts(120)
    recipe = Recipe(epochs=30, lr=0.3, batch=16, l2=5e-3, dtype="float64")
    model = training.fit(data, "text_mean", recipe, settings={"width": 3})
    train, test = data.rows("train"), data.rows("test")
    scores = ESTIMATORS["ekfac"]().score(model, data, train, test)
    halves = np.random.default_rng(0).random((16, len(data))) < 0.8
    stack = training.fit_many(
        data, "text_mean", recipe, halves, [0] * 16, settings={"width": 3}, workers=1
    )
    x, y = data.arrays("test")
    real = np.array([margins(z, y) for z in stack.logits(x)])
    expected = halves[:, train] @ scores.matrix
    found = [spearmanr(expected[:, j], real[:, j])[0] for j in range(len(test))]
    assert np.mean(found) > 0.5
    one = ESTIMATORS["ekfac"]().one_query(model, data, train, test[:1])
    assert np.allclose(one, scores.matrix[:, 0], rtol=1e-3, atol=1e-7)
