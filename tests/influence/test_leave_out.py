"""Regression on trainings: against plain ridge regressions, and against models that are solved exactly."""

from dataclasses import replace

import numpy as np
import pytest

from disgorge_core.errors import Cancelled, NotApplicable
from disgorge_core.influence.datamodels import regress
from disgorge_core.models.prediction import logits
from disgorge_core.registry import ESTIMATORS
from disgorge_core.training import fit
from disgorge_core.types import Recipe
from tests.training.small import table


def plain_ridge(masks, outputs, penalty):
    """Coefficients and constants of each output, the constant free."""
    z, m = masks - masks.mean(0), outputs - outputs.mean(0)
    beta = np.linalg.solve(z.T @ z + penalty * np.eye(z.shape[1]), z.T @ m)
    return beta, outputs.mean(0) - masks.mean(0) @ beta


@pytest.fixture
def drawn():
    rng = np.random.default_rng(0)
    masks = (rng.random((14, 20)) < 0.5).astype(float)
    return masks, masks @ rng.normal(size=(20, 3)) + 2 * rng.normal(size=(14, 3))


def test_it_is_a_ridge_whose_penalty_predicts_left_out_masks_best(drawn):
    masks, outputs = drawn

    def missed(penalty):
        errors = []
        for k in range(len(masks)):
            beta, constant = plain_ridge(np.delete(masks, k, 0), np.delete(outputs, k, 0), penalty)
            errors.append(outputs[k] - masks[k] @ beta - constant)
        return np.array(errors)

    found = regress(masks, outputs)
    np.testing.assert_allclose(
        found.coefficients, plain_ridge(masks, outputs, found.penalty)[0], atol=1e-8
    )
    size = np.square(missed(found.penalty) / outputs.std(0)).mean()
    for other in (found.penalty * 4, found.penalty / 4):
        assert np.square(missed(other) / outputs.std(0)).mean() > size
    centred = outputs - outputs.mean(0)
    told = 1 - np.square(missed(found.penalty)).sum() / np.square(centred).sum()
    assert found.explained == pytest.approx(told)


def test_its_error_is_that_of_the_same_regression_on_other_noise(drawn):
    masks, outputs = drawn
    found = regress(masks, outputs)
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(14, 4000))
    z = masks - masks.mean(0)
    again = np.linalg.solve(z.T @ z + found.penalty * np.eye(20), z.T @ noise).std(1)
    ratio = found.error / again[:, None]  # the noise of each query, the same for all records
    assert (ratio.std(0) / ratio.mean(0) < 0.05).all()


def test_for_a_solved_model_it_meets_the_fit_without_the_record():
    """With many trainings on nearly all records a coefficient is the mean effect of leaving one out."""
    data = table(30, "regression")
    model = fit(data, "ridge", Recipe(l2=0.05))
    train, query = data.rows("train"), data.rows("test")
    scores = ESTIMATORS["leave_out"](models=80, share=0.8).score(model, data, train, query)
    before = logits(model, data.take(query))[:, 0]
    real, found = [], []
    for i in range(0, len(train), 4):
        gone = np.arange(len(data)) == train[i]
        after = logits(fit(data, "ridge", Recipe(l2=0.05), exclude=gone), data.take(query))[:, 0]
        real.append(after - before)
        found.append(-scores.matrix[i])
    assert np.corrcoef(np.ravel(real), np.ravel(found))[0, 1] > 0.9
    assert "residual" in scores.unit and scores.spread.shape == scores.matrix.shape
    assert "80 trainings on 80% of the records" in scores.notes[0]


@pytest.fixture(scope="module")
def trained():
    data = table(60)
    return data, fit(data, "mlp", Recipe(epochs=2, batch=16), settings={"width": 4, "depth": 1})


def test_the_price_counts_every_training(trained):
    data, model = trained
    train, query = data.rows("train"), data.rows("test")
    estimator = ESTIMATORS["leave_out"](models=6)
    scores = estimator.score(model, data, train, query, target="loss")
    assert scores.passes == 6 * (2 * round(len(train) / 2) + len(query))
    assert estimator.trainings == 3 and "loss" in scores.unit
    again = estimator.score(model, data, train, query, target="loss")
    np.testing.assert_array_equal(again.matrix, scores.matrix)


def test_it_stops_where_it_is_told_to(trained):
    data, model = trained

    def stop(_):
        raise Cancelled("Stopped.")

    for name in ("leave_out", "best", "trak", "kfac"):
        with pytest.raises(Cancelled):
            ESTIMATORS[name]().score(
                model, data, data.rows("train"), data.rows("test"), report=stop
            )


def test_what_cannot_be_trained_again_is_refused(trained):
    data, model = trained
    unknown = replace(model, recipe=None)
    for name in ("leave_out", "best"):
        with pytest.raises(NotApplicable, match="recipe"):
            ESTIMATORS[name]().score(unknown, data, data.rows("train"), data.rows("test"))
    with pytest.raises(NotApplicable, match="not in the train split"):
        ESTIMATORS["leave_out"]().score(model, data, data.rows("test"), data.rows("test"))
