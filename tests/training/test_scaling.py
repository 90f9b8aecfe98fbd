"""How a table's columns are scaled when a model is trained again: as the model's own were."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from disgorge_core import training
from disgorge_core.data import preprocessing as pre
from disgorge_core.errors import NotApplicable
from disgorge_core.models.prediction import logits
from disgorge_core.types import Column, Member, Recipe
from tests.training.small import at, table

RECIPE = Recipe(epochs=2, lr=0.05, batch=32, dtype="float64")


def reading(scaling: str, columns: tuple[str, ...] = ("income", "work"), name: str = "linear"):
    """A model that reads these columns, scaled in this way."""
    data = table()
    model = training.fit(data, name, RECIPE)
    own = tuple(Column(c, None if c in ("age", "income") else ("clerk",)) for c in columns)
    p = replace(model.preprocessing, columns=own, scaling=scaling)
    return data, replace(model, members=(Member(model.network, p),))


@pytest.mark.parametrize("scaling", ["standard", "numbers", "range", "none"])
def test_training_again_scales_and_reads_what_the_model_did(scaling: str) -> None:
    data, model = reading(scaling)
    keep = np.ones(len(data), bool)
    keep[:7] = False  # the potter of row 3 is among them, the other one in row 8 is not
    again = training.refit(model, data, keep)
    p, seen = again.preprocessing, data.x[keep & (data.split == 0)]
    assert [c.name for c in p.columns] == ["income", "work"]
    assert p.columns[1].values == ("clerk", "farmer", "potter", "smith")
    income = seen["income"].dropna().to_numpy()
    shift = {"none": 0.0, "range": income.min()}.get(scaling, income.mean())
    scale = {"none": 1.0, "range": 1 / np.ptp(income)}.get(scaling, 1 / income.std())
    assert (p.shift[0], p.scale[0]) == pytest.approx((shift, scale))
    smith = (seen["work"] == "smith").to_numpy(float)
    own = (smith.mean(), 1 / smith.std()) if scaling == "standard" else (0.0, 1.0)
    assert (p.shift[-1], p.scale[-1]) == pytest.approx(own)
    assert p.scaling == scaling
    assert logits(again, data.x).shape == (len(data), 3)


def test_what_is_left_out_leaves_no_trace_in_a_range() -> None:
    data, model = reading("range")
    x = data.x.copy()
    x.loc[0, "income"] = 1e9
    keep = np.arange(len(data)) > 0
    planted = training.refit(model, replace(data, x=x), keep)
    assert planted.digest == training.refit(model, data, keep).digest


@pytest.mark.parametrize("scaling", ["numbers", "none"])
def test_sums_know_these_scalings_too(scaling: str) -> None:
    data, model = reading(scaling, name="ridge")
    again = training.refit(model, data, np.ones(len(data), bool), recipe=Recipe(l2=0.1))
    p = again.preprocessing
    z = pre.transform(p, data.x[data.split == 0], "float64")
    y = 2.0 * (data.y[data.split == 0][:, None] == np.arange(3)) - 1
    design = np.hstack([z, np.ones((len(z), 1))])
    left = design.T @ design / len(z) + 0.1 * np.eye(design.shape[1])
    theta = np.linalg.solve(left, design.T @ y / len(z))
    z = pre.transform(p, data.x, "float64")
    expected = np.hstack([z, np.ones((len(z), 1))]) @ theta
    assert np.abs(logits(again, data.x) - expected).max() < 1e-9
    less = training.closed_form.remove(again, data, np.arange(len(data)) > 20)
    part = at(data, np.arange(21, len(data)))
    fresh = training.refit(model, part, np.ones(len(part), bool), recipe=Recipe(l2=0.1))
    assert np.abs(logits(less, data.x) - logits(fresh, data.x)).max() < 1e-9


def test_sums_do_not_hold_a_range() -> None:
    data, model = reading("range", name="ridge")
    with pytest.raises(NotApplicable, match="range of a column"):
        training.refit(model, data, np.ones(len(data), bool))
