"""The recipe check against tables, scipy's t and simulated models whose recipe is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from disgorge_core import training
from disgorge_core.errors import BadParam
from disgorge_core.models.prediction import logits
from disgorge_core.recipe_check import among, measured
from disgorge_core.types import Recipe
from tests.methods.small import LAYERS, digits
from tests.training.small import table

DATA = digits()
RECIPE = Recipe(epochs=6, lr=0.05, batch=32)


def one(value: float, step: float = 0.0) -> dict[str, tuple[float, float]]:
    return {"m": (value, step)}


@pytest.mark.parametrize(
    ("value", "twins", "inside", "rank"),
    [
        # mean 3, s = √2.5: the 97.5 % point of t with 4 degrees is 2.776, so 3 ± 2.776 √2.5 √1.2 = ± 4.808
        (3.0, (1, 2, 3, 4, 5), True, 3),
        (7.8, (1, 2, 3, 4, 5), True, 6),
        (7.82, (1, 2, 3, 4, 5), False, 6),
        (-1.82, (1, 2, 3, 4, 5), False, 1),
        (100.0, (0, 0, 0, 0, 100), True, 5),  # far from the mean, but no farther than a twin
        (1.0, (1, 1, 1), True, 1),
        (1.1, (1, 1, 1), False, 4),
    ],
)
def test_one_measure_by_hand(
    value: float, twins: tuple[float, ...], inside: bool, rank: int
) -> None:
    found = among(one(value), [one(float(twin)) for twin in twins])
    assert found.confirmed is inside
    (measure,) = found.measures
    assert measure.rank == rank
    assert found.outside == (() if inside else ("m",))


def test_the_interval_is_that_of_a_further_draw() -> None:
    found = among(one(0.0), [one(float(v)) for v in (1, 2, 3, 4, 5)]).measures[0]
    assert found.twins.value == 3
    assert found.twins.high - 3 == pytest.approx(2.7764451 * np.sqrt(2.5 * 1.2), abs=1e-5)
    assert found.z == pytest.approx(-3 / np.sqrt(2.5 * 1.2))


def test_a_difference_within_the_tolerance_is_none() -> None:
    same = [one(0.95, 0.01) for _ in range(5)]
    assert among(one(0.9401, 0.01), same).confirmed  # one record of a hundred
    assert not among(one(0.9399, 0.01), same).confirmed


def test_true_twins_are_rarely_refused_and_others_found() -> None:
    """Four measures at once: 5 % of true twins may fall outside; a shift of 8 spreads is seen."""
    draw, refused = np.random.default_rng(0), 0
    for _ in range(2000):
        values = draw.normal(size=(6, 4))
        rows = [{str(k): (float(v), 1e-9) for k, v in enumerate(row)} for row in values]
        refused += not among(rows[0], rows[1:]).confirmed
    assert 0.02 < refused / 2000 < 0.06
    found = [
        among({"m": (8.0, 0.0)}, [{"m": (float(v), 0.0)} for v in draw.normal(size=5)]).confirmed
        for _ in range(500)
    ]
    assert np.mean(found) < 0.05


def test_one_twin_is_too_few() -> None:
    with pytest.raises(BadParam, match="There are 1 twins"):
        among(one(1.0), [one(1.0)])


def test_measures_are_those_of_plain_arithmetic() -> None:
    model = training.fit(DATA, LAYERS, RECIPE)
    z = logits(model, DATA.x)
    trained = (DATA.split == 0) & (np.arange(len(DATA)) > 10)
    found = measured(z, DATA, trained)
    right = z.argmax(1) == DATA.y
    assert found["accuracy on training records"] == (right[trained].mean(), 0.005)
    assert found["accuracy on test records"][1] == 1 / 100
    assert found["accuracy on test records"][0] == right[DATA.split == 2].mean()
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    own = p[np.arange(len(p)), DATA.y]
    margin = np.log(own) - np.log(1 - own)
    assert found["mean margin on test records"][0] == pytest.approx(
        margin[DATA.split == 2].mean(), rel=1e-3
    )


def test_the_error_of_a_regression() -> None:
    data = table(task="regression")
    model = training.fit(data, "linear", Recipe(epochs=2))
    z = logits(model, data.x)
    test = data.split == 2
    found = measured(z, data, data.split == 0)
    gap = z[:, 0] - data.y
    assert found["error on test records"][0] == pytest.approx(np.sqrt((gap[test] ** 2).mean()))
    assert found["mean residual on test records"] == pytest.approx(
        (gap[test].mean(), 0.02 * gap[test].std())
    )


@pytest.mark.parametrize(
    ("wrong", "confirmed"),
    [({}, True), ({"epochs": 60}, False), ({"l2": 0.3}, False), ({"lr": 0.005}, False)],
)
def test_a_model_among_real_twins(wrong: dict[str, float], confirmed: bool) -> None:
    """The model was trained by RECIPE; what is stated is RECIPE or something else."""
    model = training.fit(DATA, LAYERS, replace(RECIPE, seed=77))
    keep = np.repeat((DATA.split == 0)[None], 5, axis=0)
    stated = replace(RECIPE, **wrong)
    stack = training.refit_many(model, DATA, keep, range(5), recipe=stated)
    rows = [measured(z, DATA, keep[0]) for z in stack.logits(DATA.x)]
    found = among(measured(logits(model, DATA.x), DATA, keep[0]), rows)
    assert found.confirmed is confirmed
    assert found.plain()["confirmed"] is confirmed
